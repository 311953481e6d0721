from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models

if TYPE_CHECKING:
    from ..models.feature import Feature
    from ..models.speech_feature import SpeechFeature
    from ..models.system_parameters import SystemParameters
    from ..models.user_input import UserInput


T = TypeVar("T", bound="AppParameters")


@_attrs_define
class AppParameters:
    """Inputs and features of the app."""

    opening_statement: None | str
    """ Empty for workflows. """
    suggested_questions: list[str] | None
    """ Empty for workflows. """
    suggested_questions_after_answer: Feature
    """ Whether a feature of the app is enabled. """
    speech_to_text: Feature
    """ Whether a feature of the app is enabled. """
    text_to_speech: SpeechFeature
    """ Text to speech of the app. """
    retriever_resource: Feature
    """ Whether a feature of the app is enabled. """
    annotation_reply: Feature
    """ Whether a feature of the app is enabled. """
    more_like_this: Feature
    """ Whether a feature of the app is enabled. """
    user_input_form: list[UserInput]
    """ Inputs of the published workflow, in their order. """
    sensitive_word_avoidance: Feature
    """ Whether a feature of the app is enabled. """
    file_upload: Any
    """ Settings of `sys.files`, a JSON object with `enabled`. """
    system_parameters: SystemParameters
    """ Limits of the server. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        opening_statement: None | str
        opening_statement = self.opening_statement

        suggested_questions: list[str] | None
        if isinstance(self.suggested_questions, list):
            suggested_questions = self.suggested_questions

        else:
            suggested_questions = self.suggested_questions

        suggested_questions_after_answer = (
            self.suggested_questions_after_answer.to_dict()
        )

        speech_to_text = self.speech_to_text.to_dict()

        text_to_speech = self.text_to_speech.to_dict()

        retriever_resource = self.retriever_resource.to_dict()

        annotation_reply = self.annotation_reply.to_dict()

        more_like_this = self.more_like_this.to_dict()

        user_input_form = []
        for user_input_form_item_data in self.user_input_form:
            user_input_form_item = user_input_form_item_data.to_dict()
            user_input_form.append(user_input_form_item)

        sensitive_word_avoidance = self.sensitive_word_avoidance.to_dict()

        file_upload = self.file_upload

        system_parameters = self.system_parameters.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "opening_statement": opening_statement,
                "suggested_questions": suggested_questions,
                "suggested_questions_after_answer": suggested_questions_after_answer,
                "speech_to_text": speech_to_text,
                "text_to_speech": text_to_speech,
                "retriever_resource": retriever_resource,
                "annotation_reply": annotation_reply,
                "more_like_this": more_like_this,
                "user_input_form": user_input_form,
                "sensitive_word_avoidance": sensitive_word_avoidance,
                "file_upload": file_upload,
                "system_parameters": system_parameters,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        opening_statement = d.pop("opening_statement", None)

        suggested_questions = d.pop("suggested_questions", None)

        suggested_questions_after_answer = models.Feature.from_dict(
            d.pop("suggested_questions_after_answer", None)
        )

        speech_to_text = models.Feature.from_dict(d.pop("speech_to_text", None))

        text_to_speech = models.SpeechFeature.from_dict(d.pop("text_to_speech", None))

        retriever_resource = models.Feature.from_dict(d.pop("retriever_resource", None))

        annotation_reply = models.Feature.from_dict(d.pop("annotation_reply", None))

        more_like_this = models.Feature.from_dict(d.pop("more_like_this", None))

        user_input_form = []
        _user_input_form = d.pop("user_input_form", None)
        for user_input_form_item_data in _user_input_form:
            user_input_form_item = models.UserInput.from_dict(user_input_form_item_data)

            user_input_form.append(user_input_form_item)

        sensitive_word_avoidance = models.Feature.from_dict(
            d.pop("sensitive_word_avoidance", None)
        )

        file_upload = d.pop("file_upload", None)

        system_parameters = models.SystemParameters.from_dict(
            d.pop("system_parameters", None)
        )

        app_parameters = cls(
            opening_statement=opening_statement,
            suggested_questions=suggested_questions,
            suggested_questions_after_answer=suggested_questions_after_answer,
            speech_to_text=speech_to_text,
            text_to_speech=text_to_speech,
            retriever_resource=retriever_resource,
            annotation_reply=annotation_reply,
            more_like_this=more_like_this,
            user_input_form=user_input_form,
            sensitive_word_avoidance=sensitive_word_avoidance,
            file_upload=file_upload,
            system_parameters=system_parameters,
        )

        app_parameters.additional_properties = d
        return app_parameters

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
