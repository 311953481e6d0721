from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="AppSite")


@_attrs_define
class AppSite:
    """Settings of the app's web page."""

    title: str
    """ Title of the page. """
    chat_color_theme: None | str
    """ Colour as `#RRGGBB`. """
    chat_color_theme_inverted: bool | None
    """ Whether the colour theme is inverted. """
    icon_type: None | str
    """ `emoji`, `image` or `link`. """
    icon: None | str
    """ The emoji or the image's id. """
    icon_background: None | str
    """ Colour behind the icon as `#RRGGBB`. """
    icon_url: None | str
    """ Address of the icon. """
    description: None | str
    """ Description of the app. """
    copyright_: None | str
    """ Copyright notice. """
    privacy_policy: None | str
    """ Address of the privacy policy. """
    custom_disclaimer: None | str
    """ Disclaimer. """
    default_language: str
    """ Language of the page as a BCP 47 tag. """
    show_workflow_steps: bool | None
    """ Whether the page shows the nodes of a run. """
    use_icon_as_answer_icon: bool | None
    """ Whether answers carry the app's icon. """
    input_placeholder: None | str
    """ Text in the empty input field. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        chat_color_theme: None | str
        chat_color_theme = self.chat_color_theme

        chat_color_theme_inverted: bool | None
        chat_color_theme_inverted = self.chat_color_theme_inverted

        icon_type: None | str
        icon_type = self.icon_type

        icon: None | str
        icon = self.icon

        icon_background: None | str
        icon_background = self.icon_background

        icon_url: None | str
        icon_url = self.icon_url

        description: None | str
        description = self.description

        copyright_: None | str
        copyright_ = self.copyright_

        privacy_policy: None | str
        privacy_policy = self.privacy_policy

        custom_disclaimer: None | str
        custom_disclaimer = self.custom_disclaimer

        default_language = self.default_language

        show_workflow_steps: bool | None
        show_workflow_steps = self.show_workflow_steps

        use_icon_as_answer_icon: bool | None
        use_icon_as_answer_icon = self.use_icon_as_answer_icon

        input_placeholder: None | str
        input_placeholder = self.input_placeholder

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "title": title,
                "chat_color_theme": chat_color_theme,
                "chat_color_theme_inverted": chat_color_theme_inverted,
                "icon_type": icon_type,
                "icon": icon,
                "icon_background": icon_background,
                "icon_url": icon_url,
                "description": description,
                "copyright": copyright_,
                "privacy_policy": privacy_policy,
                "custom_disclaimer": custom_disclaimer,
                "default_language": default_language,
                "show_workflow_steps": show_workflow_steps,
                "use_icon_as_answer_icon": use_icon_as_answer_icon,
                "input_placeholder": input_placeholder,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        title = d.pop("title", None)

        chat_color_theme = d.pop("chat_color_theme", None)

        chat_color_theme_inverted = d.pop("chat_color_theme_inverted", None)

        icon_type = d.pop("icon_type", None)

        icon = d.pop("icon", None)

        icon_background = d.pop("icon_background", None)

        icon_url = d.pop("icon_url", None)

        description = d.pop("description", None)

        copyright_ = d.pop("copyright", None)

        privacy_policy = d.pop("privacy_policy", None)

        custom_disclaimer = d.pop("custom_disclaimer", None)

        default_language = d.pop("default_language", None)

        show_workflow_steps = d.pop("show_workflow_steps", None)

        use_icon_as_answer_icon = d.pop("use_icon_as_answer_icon", None)

        input_placeholder = d.pop("input_placeholder", None)

        app_site = cls(
            title=title,
            chat_color_theme=chat_color_theme,
            chat_color_theme_inverted=chat_color_theme_inverted,
            icon_type=icon_type,
            icon=icon,
            icon_background=icon_background,
            icon_url=icon_url,
            description=description,
            copyright_=copyright_,
            privacy_policy=privacy_policy,
            custom_disclaimer=custom_disclaimer,
            default_language=default_language,
            show_workflow_steps=show_workflow_steps,
            use_icon_as_answer_icon=use_icon_as_answer_icon,
            input_placeholder=input_placeholder,
        )

        app_site.additional_properties = d
        return app_site

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
