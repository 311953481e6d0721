from __future__ import annotations

from collections.abc import Mapping
from typing import (
    Any,
    Literal,
    Self,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TtsMessageEvent")


@_attrs_define
class TtsMessageEvent:
    """A piece of speech, if the app has text to speech switched on."""

    event: Literal["tts_message"]
    """ Name of the event. """
    workflow_run_id: None | str
    """ Id of the run. """
    task_id: None | str
    """ Id of the task that runs it. """
    audio: str
    """ Sound (MP3) in base64. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        event = self.event

        workflow_run_id: None | str
        workflow_run_id = self.workflow_run_id

        task_id: None | str
        task_id = self.task_id

        audio = self.audio

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "event": event,
                "workflow_run_id": workflow_run_id,
                "task_id": task_id,
                "audio": audio,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        event = cast(Literal["tts_message"], d.pop("event", None))
        if event != "tts_message":
            raise ValueError(f"event must match const 'tts_message', got '{event}'")

        workflow_run_id = d.pop("workflow_run_id", None)

        task_id = d.pop("task_id", None)

        audio = d.pop("audio", None)

        tts_message_event = cls(
            event=event,
            workflow_run_id=workflow_run_id,
            task_id=task_id,
            audio=audio,
        )

        tts_message_event.additional_properties = d
        return tts_message_event

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
