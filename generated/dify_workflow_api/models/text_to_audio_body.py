from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="TextToAudioBody")


@_attrs_define
class TextToAudioBody:
    """A text to speak."""

    text: str
    """ The text. """
    user: str
    """ The user who listens. """
    voice: str | Unset = UNSET
    """ Name of the voice; without it, the app's. """
    streaming: bool | Unset = UNSET
    """ Kept for older servers; how the sound comes depends on the model. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        user = self.user

        voice = self.voice

        streaming = self.streaming

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text": text,
                "user": user,
            }
        )
        if voice is not UNSET:
            field_dict["voice"] = voice
        if streaming is not UNSET:
            field_dict["streaming"] = streaming

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        text = d.pop("text", None)

        user = d.pop("user", None)

        voice = d.pop("voice", UNSET)

        streaming = d.pop("streaming", UNSET)

        text_to_audio_body = cls(
            text=text,
            user=user,
            voice=voice,
            streaming=streaming,
        )

        text_to_audio_body.additional_properties = d
        return text_to_audio_body

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
