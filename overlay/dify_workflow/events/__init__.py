"""A class for each event of a workflow stream (`x-stream-events` in openapi.yaml).

Written by scripts/generate; change openapi.yaml and run `make generate` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from .base import FailureEvent, FinalEvent, StreamEvent, UnknownEvent, UnreadableEvent

if TYPE_CHECKING:
    from dify_workflow_api.models import (
        AgentLogData,
        ErrorEvent,
        HumanInputFormFilledData,
        HumanInputFormTimeoutData,
        HumanInputRequiredData,
        IterationCompletedData,
        IterationNextData,
        IterationStartedData,
        LoopCompletedData,
        LoopNextData,
        LoopStartedData,
        MessageFileEvent,
        NodeFinishedData,
        NodeRetryData,
        NodeStartedData,
        ParallelBranchFinishedData,
        ParallelBranchStartedData,
        ReasoningChunkData,
        TextChunkData,
        TextReplaceData,
        TtsMessageEndEvent,
        TtsMessageEvent,
        WorkflowFinishedData,
        WorkflowPausedData,
        WorkflowStartedData,
    )


@final
class WorkflowStarted(StreamEvent["WorkflowStartedData"]):
    """A run started, or continues after a pause.

    Its ``data`` is a `dify_workflow_api.models.WorkflowStartedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "WorkflowStartedData"


@final
class WorkflowFinished(FinalEvent["WorkflowFinishedData"]):
    """The run has ended; the last event of its stream.

    Its ``data`` is a `dify_workflow_api.models.WorkflowFinishedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "WorkflowFinishedData"


@final
class WorkflowPaused(FinalEvent["WorkflowPausedData"]):
    """The run waits for human input.

    The stream ends here. Since Dify 1.13.0.

    Its ``data`` is a `dify_workflow_api.models.WorkflowPausedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "WorkflowPausedData"


@final
class StreamErrorEvent(FailureEvent["ErrorEvent"]):
    """The run could not be started.

    The server may not end the stream here: on 1.13 and 1.14 it stays open and silent; newer
    servers send `workflow_started` and `workflow_finished` after it.

    Its ``data`` is a `dify_workflow_api.models.ErrorEvent`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "ErrorEvent"
    _payload_key: ClassVar[str | None] = None


@final
class NodeStarted(StreamEvent["NodeStartedData"]):
    """A node started.

    Its ``data`` is a `dify_workflow_api.models.NodeStartedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "NodeStartedData"


@final
class NodeFinished(StreamEvent["NodeFinishedData"]):
    """A node has ended.

    In a replay, it may also wait for human input.

    Its ``data`` is a `dify_workflow_api.models.NodeFinishedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "NodeFinishedData"


@final
class NodeRetry(StreamEvent["NodeRetryData"]):
    """A node failed and is tried again.

    Its ``data`` is a `dify_workflow_api.models.NodeRetryData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "NodeRetryData"


@final
class AgentLog(StreamEvent["AgentLogData"]):
    """A step inside an agent node.

    Its ``data`` is a `dify_workflow_api.models.AgentLogData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "AgentLogData"


@final
class IterationStarted(StreamEvent["IterationStartedData"]):
    """An iteration node started.

    Its ``data`` is a `dify_workflow_api.models.IterationStartedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "IterationStartedData"


@final
class IterationNext(StreamEvent["IterationNextData"]):
    """An iteration begins its next item.

    Up to 1.8 there is one more after the last item.

    Its ``data`` is a `dify_workflow_api.models.IterationNextData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "IterationNextData"


@final
class IterationCompleted(StreamEvent["IterationCompletedData"]):
    """An iteration has ended.

    Its ``data`` is a `dify_workflow_api.models.IterationCompletedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "IterationCompletedData"


@final
class LoopStarted(StreamEvent["LoopStartedData"]):
    """A loop node started.

    Its ``data`` is a `dify_workflow_api.models.LoopStartedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "LoopStartedData"


@final
class LoopNext(StreamEvent["LoopNextData"]):
    """A loop begins its second or a later round.

    Its ``data`` is a `dify_workflow_api.models.LoopNextData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "LoopNextData"


@final
class LoopCompleted(StreamEvent["LoopCompletedData"]):
    """A loop has ended.

    Its ``data`` is a `dify_workflow_api.models.LoopCompletedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "LoopCompletedData"


@final
class ParallelBranchStarted(StreamEvent["ParallelBranchStartedData"]):
    """A branch of a parallel section started.

    Until Dify 1.8.1.

    Its ``data`` is a `dify_workflow_api.models.ParallelBranchStartedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "ParallelBranchStartedData"


@final
class ParallelBranchFinished(StreamEvent["ParallelBranchFinishedData"]):
    """A branch of a parallel section has ended.

    Until Dify 1.8.1.

    Its ``data`` is a `dify_workflow_api.models.ParallelBranchFinishedData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "ParallelBranchFinishedData"


@final
class TextChunk(StreamEvent["TextChunkData"]):
    """A piece of the text that an output streams: text of a model; since 1.9.0, of any output.

    The joined pieces are not the outputs.

    Its ``data`` is a `dify_workflow_api.models.TextChunkData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "TextChunkData"


@final
class TextReplace(StreamEvent["TextReplaceData"]):
    """Replace the text so far.

    Servers know this event, but workflow apps have not been seen to send it.

    Its ``data`` is a `dify_workflow_api.models.TextReplaceData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "TextReplaceData"


@final
class ReasoningChunk(StreamEvent["ReasoningChunkData"]):
    """A piece of a model's reasoning, from nodes that separate it from the text.

    Since Dify 1.15.0.

    Its ``data`` is a `dify_workflow_api.models.ReasoningChunkData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "ReasoningChunkData"


@final
class TtsMessage(StreamEvent["TtsMessageEvent"]):
    """A piece of speech, if the app has text to speech switched on.

    Its ``data`` is a `dify_workflow_api.models.TtsMessageEvent`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "TtsMessageEvent"
    _payload_key: ClassVar[str | None] = None


@final
class TtsMessageEnd(StreamEvent["TtsMessageEndEvent"]):
    """The speech is complete.

    Its ``data`` is a `dify_workflow_api.models.TtsMessageEndEvent`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "TtsMessageEndEvent"
    _payload_key: ClassVar[str | None] = None


@final
class MessageFile(StreamEvent["MessageFileEvent"]):
    """A file that a tool made.

    Its ``data`` is a `dify_workflow_api.models.MessageFileEvent`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "MessageFileEvent"
    _payload_key: ClassVar[str | None] = None


@final
class HumanInputRequired(StreamEvent["HumanInputRequiredData"]):
    """A node waits for human input; `workflow_paused` follows when no other node can run.

    Since Dify 1.13.0.

    Its ``data`` is a `dify_workflow_api.models.HumanInputRequiredData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "HumanInputRequiredData"


@final
class HumanInputFormFilled(StreamEvent["HumanInputFormFilledData"]):
    """A form was submitted.

    Dify 1.16, and perhaps 1.17, does not send it. Since Dify 1.14.0.

    Its ``data`` is a `dify_workflow_api.models.HumanInputFormFilledData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "HumanInputFormFilledData"


@final
class HumanInputFormTimeout(StreamEvent["HumanInputFormTimeoutData"]):
    """A form expired.

    Dify 1.16, and perhaps 1.17, does not send it. Since Dify 1.14.0.

    Its ``data`` is a `dify_workflow_api.models.HumanInputFormTimeoutData`.
    """

    __slots__ = ()
    _model: ClassVar[str | None] = "HumanInputFormTimeoutData"


EVENT_CLASSES: dict[str, type[StreamEvent[object]]] = {
    "workflow_started": WorkflowStarted,
    "workflow_finished": WorkflowFinished,
    "workflow_paused": WorkflowPaused,
    "error": StreamErrorEvent,
    "node_started": NodeStarted,
    "node_finished": NodeFinished,
    "node_retry": NodeRetry,
    "agent_log": AgentLog,
    "iteration_started": IterationStarted,
    "iteration_next": IterationNext,
    "iteration_completed": IterationCompleted,
    "loop_started": LoopStarted,
    "loop_next": LoopNext,
    "loop_completed": LoopCompleted,
    "parallel_branch_started": ParallelBranchStarted,
    "parallel_branch_finished": ParallelBranchFinished,
    "text_chunk": TextChunk,
    "text_replace": TextReplace,
    "reasoning_chunk": ReasoningChunk,
    "tts_message": TtsMessage,
    "tts_message_end": TtsMessageEnd,
    "message_file": MessageFile,
    "human_input_required": HumanInputRequired,
    "human_input_form_filled": HumanInputFormFilled,
    "human_input_form_timeout": HumanInputFormTimeout,
}
"""Event class by the name in the message's `event` key."""

__all__ = [
    "EVENT_CLASSES",
    "AgentLog",
    "FailureEvent",
    "FinalEvent",
    "HumanInputFormFilled",
    "HumanInputFormTimeout",
    "HumanInputRequired",
    "IterationCompleted",
    "IterationNext",
    "IterationStarted",
    "LoopCompleted",
    "LoopNext",
    "LoopStarted",
    "MessageFile",
    "NodeFinished",
    "NodeRetry",
    "NodeStarted",
    "ParallelBranchFinished",
    "ParallelBranchStarted",
    "ReasoningChunk",
    "StreamErrorEvent",
    "StreamEvent",
    "TextChunk",
    "TextReplace",
    "TtsMessage",
    "TtsMessageEnd",
    "UnknownEvent",
    "UnreadableEvent",
    "WorkflowFinished",
    "WorkflowPaused",
    "WorkflowStarted",
]
