"""The members of a Map state that no other state has, compiled."""

from __future__ import annotations

import re
from typing import Final, TypedDict

from penstock.statemachines import model
from penstock.statemachines.expressions import constant
from penstock.statemachines.fields import Fields
from penstock.statemachines.model import Evaluate, Setting
from penstock.statemachines.values import JSON


class MapMembers(TypedDict):
    """What `parse_map` gives: the members of `model.Map` besides its processor."""

    distributed: bool
    child_kind: model.Kind
    label: str | None
    items: Evaluate | None
    items_path: str | None
    item_selector: Evaluate | None
    max_concurrency: Setting | None
    tolerated_count: Setting | None
    tolerated_percentage: Setting | None
    reader: model.ItemReader | None
    batcher: model.ItemBatcher | None
    writer: model.ResultWriter | None


def parse_map(fields: Fields, processor: Fields) -> MapMembers:
    """Compile the members of a Map state.

    Args:
        fields: the state.
        processor: its ItemProcessor, or its Iterator.
    """
    config = processor.object("ProcessorConfig")
    mode = config.text("Mode") if config else None
    kind: model.Kind = "EXPRESS" if config and config.text("ExecutionType") == "EXPRESS" else "STANDARD"
    selector = "ItemSelector" if "ItemSelector" in fields else "Parameters"
    return MapMembers(
        distributed=mode == "DISTRIBUTED",
        child_kind=kind,
        label=_label(fields),
        items=_items(fields, distributed=mode == "DISTRIBUTED"),
        items_path=fields.text("ItemsPath"),
        item_selector=fields.template(selector),
        max_concurrency=fields.setting("MaxConcurrency"),
        tolerated_count=fields.setting("ToleratedFailureCount"),
        tolerated_percentage=fields.setting("ToleratedFailurePercentage"),
        reader=_reader(fields.object("ItemReader")),
        batcher=_batcher(fields.object("ItemBatcher")),
        writer=_writer(fields.object("ResultWriter")),
    )


def _items(fields: Fields, *, distributed: bool) -> Evaluate | None:
    if not fields.jsonata:
        return fields.path("ItemsPath")
    # In Distributed mode Items may be an object as well, which is judged where it is used.
    return fields.template("Items", expected=None if distributed else "array")


LABEL: Final = re.compile(r"""[^\s?*<>{}\[\]"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,40}""")
"""Developer Guide, "Label (Distributed Map)": up to 40 characters, some of which are excluded."""


def _label(fields: Fields) -> str | None:
    label = fields.text("Label")
    if label is not None and LABEL.fullmatch(label) is None:
        fix = (
            '1 to 40 characters, without blanks, wildcards, brackets, control characters and "#%\\^|~`$&,;:/'
        )
        raise fields.fault(f"{label!r} is no label", "Label", fix=fix)
    return label


def _reader(fields: Fields | None) -> model.ItemReader | None:
    if fields is None:
        return None
    config = fields.object("ReaderConfig")
    return model.ItemReader(
        resource=fields.required_text("Resource"),
        arguments=_arguments(fields, "ItemReader"),
        config=_without(config, ("MaxItems", "MaxItemsPath"), "ItemReader/ReaderConfig"),
        max_items=config.setting("MaxItems", field="ItemReader/ReaderConfig/MaxItems") if config else None,
    )


def _batcher(fields: Fields | None) -> model.ItemBatcher | None:
    if fields is None:
        return None
    return model.ItemBatcher(
        max_items=fields.setting("MaxItemsPerBatch", field="ItemBatcher/MaxItemsPerBatch"),
        max_input_bytes=fields.setting("MaxInputBytesPerBatch", field="ItemBatcher/MaxInputBytesPerBatch"),
        batch_input=fields.template("BatchInput", field="ItemBatcher/BatchInput"),
    )


def _writer(fields: Fields | None) -> model.ResultWriter | None:
    if fields is None:
        return None
    return model.ResultWriter(
        resource=fields.text("Resource"),
        arguments=_arguments(fields, "ResultWriter"),
        config=fields.template("WriterConfig", field="ResultWriter/WriterConfig"),
    )


def _arguments(fields: Fields, owner: str) -> Evaluate | None:
    name = "Arguments" if fields.jsonata else "Parameters"
    return fields.template(name, field=f"{owner}/{name}")


def _without(fields: Fields | None, names: tuple[str, ...], field: str) -> Evaluate | None:
    if fields is None:
        return None
    rest: dict[str, JSON] = {key: value for key, value in fields.members.items() if key not in names}
    if not fields.jsonata:
        return constant(rest)
    return Fields({"rest": rest}, fields.pointer, jsonata=True).template("rest", field=field)
