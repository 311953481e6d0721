"""Contains all the data models used in inputs/outputs"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .account import Account
    from .agent_log_data import AgentLogData
    from .agent_log_event import AgentLogEvent
    from .app_info import AppInfo
    from .app_meta import AppMeta
    from .app_parameters import AppParameters
    from .app_site import AppSite
    from .audio_to_text_body import AudioToTextBody
    from .blocking_run import BlockingRun
    from .blocking_run_data import BlockingRunData
    from .created_by_role import CreatedByRole
    from .created_from import CreatedFrom
    from .end_user import EndUser
    from .end_user_summary import EndUserSummary
    from .error import Error
    from .error_event import ErrorEvent
    from .execution_metadata import ExecutionMetadata
    from .feature import Feature
    from .file_reference import FileReference
    from .file_type import FileType
    from .form_field_type import FormFieldType
    from .human_input_action import HumanInputAction
    from .human_input_default import HumanInputDefault
    from .human_input_field import HumanInputField
    from .human_input_form_detail import HumanInputFormDetail
    from .human_input_form_filled_data import HumanInputFormFilledData
    from .human_input_form_filled_event import HumanInputFormFilledEvent
    from .human_input_form_timeout_data import HumanInputFormTimeoutData
    from .human_input_form_timeout_event import HumanInputFormTimeoutEvent
    from .human_input_options import HumanInputOptions
    from .human_input_required_data import HumanInputRequiredData
    from .human_input_required_event import HumanInputRequiredEvent
    from .input_type import InputType
    from .iteration_completed_data import IterationCompletedData
    from .iteration_completed_event import IterationCompletedEvent
    from .iteration_metadata import IterationMetadata
    from .iteration_next_data import IterationNextData
    from .iteration_next_event import IterationNextEvent
    from .iteration_started_data import IterationStartedData
    from .iteration_started_event import IterationStartedEvent
    from .log_status_filter import LogStatusFilter
    from .loop_completed_data import LoopCompletedData
    from .loop_completed_event import LoopCompletedEvent
    from .loop_metadata import LoopMetadata
    from .loop_next_data import LoopNextData
    from .loop_next_event import LoopNextEvent
    from .loop_started_data import LoopStartedData
    from .loop_started_event import LoopStartedEvent
    from .message_file_event import MessageFileEvent
    from .node_finished_data import NodeFinishedData
    from .node_finished_event import NodeFinishedEvent
    from .node_retry_data import NodeRetryData
    from .node_retry_event import NodeRetryEvent
    from .node_started_data import NodeStartedData
    from .node_started_event import NodeStartedEvent
    from .node_status import NodeStatus
    from .output_file import OutputFile
    from .parallel_branch_finished_data import ParallelBranchFinishedData
    from .parallel_branch_finished_event import ParallelBranchFinishedEvent
    from .parallel_branch_started_data import ParallelBranchStartedData
    from .parallel_branch_started_event import ParallelBranchStartedEvent
    from .pause_reason import PauseReason
    from .reasoning_chunk_data import ReasoningChunkData
    from .reasoning_chunk_event import ReasoningChunkEvent
    from .response_mode import ResponseMode
    from .resume_reason import ResumeReason
    from .run_creator import RunCreator
    from .run_status import RunStatus
    from .run_workflow_body import RunWorkflowBody
    from .speech_feature import SpeechFeature
    from .stop_task_body import StopTaskBody
    from .stop_task_result import StopTaskResult
    from .stored_file import StoredFile
    from .submit_human_input_form_body import SubmitHumanInputFormBody
    from .submit_human_input_form_result import SubmitHumanInputFormResult
    from .system_parameters import SystemParameters
    from .text_chunk_data import TextChunkData
    from .text_chunk_event import TextChunkEvent
    from .text_replace_data import TextReplaceData
    from .text_replace_event import TextReplaceEvent
    from .text_to_audio_body import TextToAudioBody
    from .transcript import Transcript
    from .transfer_method import TransferMethod
    from .tts_message_end_event import TtsMessageEndEvent
    from .tts_message_event import TtsMessageEvent
    from .upload_file_body import UploadFileBody
    from .user_input import UserInput
    from .user_input_field import UserInputField
    from .workflow_finished_data import WorkflowFinishedData
    from .workflow_finished_event import WorkflowFinishedEvent
    from .workflow_log_entry import WorkflowLogEntry
    from .workflow_log_page import WorkflowLogPage
    from .workflow_log_run import WorkflowLogRun
    from .workflow_paused_data import WorkflowPausedData
    from .workflow_paused_event import WorkflowPausedEvent
    from .workflow_run_detail import WorkflowRunDetail
    from .workflow_started_data import WorkflowStartedData
    from .workflow_started_event import WorkflowStartedEvent
else:
    from importlib import import_module as _import_module

    _MODULES = {
        "Account": ".account",
        "AgentLogData": ".agent_log_data",
        "AgentLogEvent": ".agent_log_event",
        "AppInfo": ".app_info",
        "AppMeta": ".app_meta",
        "AppParameters": ".app_parameters",
        "AppSite": ".app_site",
        "AudioToTextBody": ".audio_to_text_body",
        "BlockingRun": ".blocking_run",
        "BlockingRunData": ".blocking_run_data",
        "CreatedByRole": ".created_by_role",
        "CreatedFrom": ".created_from",
        "EndUser": ".end_user",
        "EndUserSummary": ".end_user_summary",
        "Error": ".error",
        "ErrorEvent": ".error_event",
        "ExecutionMetadata": ".execution_metadata",
        "Feature": ".feature",
        "FileReference": ".file_reference",
        "FileType": ".file_type",
        "FormFieldType": ".form_field_type",
        "HumanInputAction": ".human_input_action",
        "HumanInputDefault": ".human_input_default",
        "HumanInputField": ".human_input_field",
        "HumanInputFormDetail": ".human_input_form_detail",
        "HumanInputFormFilledData": ".human_input_form_filled_data",
        "HumanInputFormFilledEvent": ".human_input_form_filled_event",
        "HumanInputFormTimeoutData": ".human_input_form_timeout_data",
        "HumanInputFormTimeoutEvent": ".human_input_form_timeout_event",
        "HumanInputOptions": ".human_input_options",
        "HumanInputRequiredData": ".human_input_required_data",
        "HumanInputRequiredEvent": ".human_input_required_event",
        "InputType": ".input_type",
        "IterationCompletedData": ".iteration_completed_data",
        "IterationCompletedEvent": ".iteration_completed_event",
        "IterationMetadata": ".iteration_metadata",
        "IterationNextData": ".iteration_next_data",
        "IterationNextEvent": ".iteration_next_event",
        "IterationStartedData": ".iteration_started_data",
        "IterationStartedEvent": ".iteration_started_event",
        "LogStatusFilter": ".log_status_filter",
        "LoopCompletedData": ".loop_completed_data",
        "LoopCompletedEvent": ".loop_completed_event",
        "LoopMetadata": ".loop_metadata",
        "LoopNextData": ".loop_next_data",
        "LoopNextEvent": ".loop_next_event",
        "LoopStartedData": ".loop_started_data",
        "LoopStartedEvent": ".loop_started_event",
        "MessageFileEvent": ".message_file_event",
        "NodeFinishedData": ".node_finished_data",
        "NodeFinishedEvent": ".node_finished_event",
        "NodeRetryData": ".node_retry_data",
        "NodeRetryEvent": ".node_retry_event",
        "NodeStartedData": ".node_started_data",
        "NodeStartedEvent": ".node_started_event",
        "NodeStatus": ".node_status",
        "OutputFile": ".output_file",
        "ParallelBranchFinishedData": ".parallel_branch_finished_data",
        "ParallelBranchFinishedEvent": ".parallel_branch_finished_event",
        "ParallelBranchStartedData": ".parallel_branch_started_data",
        "ParallelBranchStartedEvent": ".parallel_branch_started_event",
        "PauseReason": ".pause_reason",
        "ReasoningChunkData": ".reasoning_chunk_data",
        "ReasoningChunkEvent": ".reasoning_chunk_event",
        "ResponseMode": ".response_mode",
        "ResumeReason": ".resume_reason",
        "RunCreator": ".run_creator",
        "RunStatus": ".run_status",
        "RunWorkflowBody": ".run_workflow_body",
        "SpeechFeature": ".speech_feature",
        "StopTaskBody": ".stop_task_body",
        "StopTaskResult": ".stop_task_result",
        "StoredFile": ".stored_file",
        "SubmitHumanInputFormBody": ".submit_human_input_form_body",
        "SubmitHumanInputFormResult": ".submit_human_input_form_result",
        "SystemParameters": ".system_parameters",
        "TextChunkData": ".text_chunk_data",
        "TextChunkEvent": ".text_chunk_event",
        "TextReplaceData": ".text_replace_data",
        "TextReplaceEvent": ".text_replace_event",
        "TextToAudioBody": ".text_to_audio_body",
        "Transcript": ".transcript",
        "TransferMethod": ".transfer_method",
        "TtsMessageEndEvent": ".tts_message_end_event",
        "TtsMessageEvent": ".tts_message_event",
        "UploadFileBody": ".upload_file_body",
        "UserInput": ".user_input",
        "UserInputField": ".user_input_field",
        "WorkflowFinishedData": ".workflow_finished_data",
        "WorkflowFinishedEvent": ".workflow_finished_event",
        "WorkflowLogEntry": ".workflow_log_entry",
        "WorkflowLogPage": ".workflow_log_page",
        "WorkflowLogRun": ".workflow_log_run",
        "WorkflowPausedData": ".workflow_paused_data",
        "WorkflowPausedEvent": ".workflow_paused_event",
        "WorkflowRunDetail": ".workflow_run_detail",
        "WorkflowStartedData": ".workflow_started_data",
        "WorkflowStartedEvent": ".workflow_started_event",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        model = getattr(_import_module(_MODULES[name], __name__), name)
        globals()[name] = model
        return model

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = (
    "Account",
    "AgentLogData",
    "AgentLogEvent",
    "AppInfo",
    "AppMeta",
    "AppParameters",
    "AppSite",
    "AudioToTextBody",
    "BlockingRun",
    "BlockingRunData",
    "CreatedByRole",
    "CreatedFrom",
    "EndUser",
    "EndUserSummary",
    "Error",
    "ErrorEvent",
    "ExecutionMetadata",
    "Feature",
    "FileReference",
    "FileType",
    "FormFieldType",
    "HumanInputAction",
    "HumanInputDefault",
    "HumanInputField",
    "HumanInputFormDetail",
    "HumanInputFormFilledData",
    "HumanInputFormFilledEvent",
    "HumanInputFormTimeoutData",
    "HumanInputFormTimeoutEvent",
    "HumanInputOptions",
    "HumanInputRequiredData",
    "HumanInputRequiredEvent",
    "InputType",
    "IterationCompletedData",
    "IterationCompletedEvent",
    "IterationMetadata",
    "IterationNextData",
    "IterationNextEvent",
    "IterationStartedData",
    "IterationStartedEvent",
    "LogStatusFilter",
    "LoopCompletedData",
    "LoopCompletedEvent",
    "LoopMetadata",
    "LoopNextData",
    "LoopNextEvent",
    "LoopStartedData",
    "LoopStartedEvent",
    "MessageFileEvent",
    "NodeFinishedData",
    "NodeFinishedEvent",
    "NodeRetryData",
    "NodeRetryEvent",
    "NodeStartedData",
    "NodeStartedEvent",
    "NodeStatus",
    "OutputFile",
    "ParallelBranchFinishedData",
    "ParallelBranchFinishedEvent",
    "ParallelBranchStartedData",
    "ParallelBranchStartedEvent",
    "PauseReason",
    "ReasoningChunkData",
    "ReasoningChunkEvent",
    "ResponseMode",
    "ResumeReason",
    "RunCreator",
    "RunStatus",
    "RunWorkflowBody",
    "SpeechFeature",
    "StopTaskBody",
    "StopTaskResult",
    "StoredFile",
    "SubmitHumanInputFormBody",
    "SubmitHumanInputFormResult",
    "SystemParameters",
    "TextChunkData",
    "TextChunkEvent",
    "TextReplaceData",
    "TextReplaceEvent",
    "TextToAudioBody",
    "Transcript",
    "TransferMethod",
    "TtsMessageEndEvent",
    "TtsMessageEvent",
    "UploadFileBody",
    "UserInput",
    "UserInputField",
    "WorkflowFinishedData",
    "WorkflowFinishedEvent",
    "WorkflowLogEntry",
    "WorkflowLogPage",
    "WorkflowLogRun",
    "WorkflowPausedData",
    "WorkflowPausedEvent",
    "WorkflowRunDetail",
    "WorkflowStartedData",
    "WorkflowStartedEvent",
)
