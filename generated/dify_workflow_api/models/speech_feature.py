from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="SpeechFeature")


@_attrs_define
class SpeechFeature:
    """Text to speech of the app."""

    enabled: bool
    """ Whether it is on. """
    language: None | str
    """ Language of the voice. """
    voice: None | str
    """ Name of the voice. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        enabled = self.enabled

        language: None | str
        language = self.language

        voice: None | str
        voice = self.voice

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "enabled": enabled,
                "language": language,
                "voice": voice,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        enabled = d.pop("enabled", None)

        language = d.pop("language", None)

        voice = d.pop("voice", None)

        speech_feature = cls(
            enabled=enabled,
            language=language,
            voice=voice,
        )

        speech_feature.additional_properties = d
        return speech_feature

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
