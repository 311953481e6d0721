"""The keys of every payload a server sends, and which of them hold payloads in turn.

Written by scripts/generate.py; change openapi.yaml and run `make generate` instead.
"""

SHAPES: dict[str, tuple[frozenset[str], dict[str, str]]] = {
    "Account": (frozenset({"email", "id", "name"}), {}),
    "AgentLogData": (
        frozenset(
            {
                "data",
                "error",
                "id",
                "label",
                "metadata",
                "node_execution_id",
                "node_id",
                "parent_id",
                "status",
            }
        ),
        {},
    ),
    "AgentLogEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "AgentLogData"},
    ),
    "AppInfo": (frozenset({"author_name", "description", "mode", "name", "tags"}), {}),
    "AppMeta": (frozenset({"tool_icons"}), {}),
    "AppParameters": (
        frozenset(
            {
                "annotation_reply",
                "file_upload",
                "more_like_this",
                "opening_statement",
                "retriever_resource",
                "sensitive_word_avoidance",
                "speech_to_text",
                "suggested_questions",
                "suggested_questions_after_answer",
                "system_parameters",
                "text_to_speech",
                "user_input_form",
            }
        ),
        {
            "suggested_questions_after_answer": "Feature",
            "speech_to_text": "Feature",
            "text_to_speech": "SpeechFeature",
            "retriever_resource": "Feature",
            "annotation_reply": "Feature",
            "more_like_this": "Feature",
            "user_input_form": "UserInput",
            "sensitive_word_avoidance": "Feature",
            "system_parameters": "SystemParameters",
        },
    ),
    "AppSite": (
        frozenset(
            {
                "chat_color_theme",
                "chat_color_theme_inverted",
                "copyright",
                "custom_disclaimer",
                "default_language",
                "description",
                "icon",
                "icon_background",
                "icon_type",
                "icon_url",
                "input_placeholder",
                "privacy_policy",
                "show_workflow_steps",
                "title",
                "use_icon_as_answer_icon",
            }
        ),
        {},
    ),
    "BlockingRun": (frozenset({"data", "task_id", "workflow_run_id"}), {"data": "BlockingRunData"}),
    "BlockingRunData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "finished_at",
                "id",
                "outputs",
                "paused_nodes",
                "reasons",
                "status",
                "total_steps",
                "total_tokens",
                "workflow_id",
            }
        ),
        {"reasons": "PauseReason"},
    ),
    "EndUser": (
        frozenset(
            {
                "app_id",
                "created_at",
                "external_user_id",
                "id",
                "is_anonymous",
                "name",
                "session_id",
                "tenant_id",
                "type",
                "updated_at",
            }
        ),
        {},
    ),
    "EndUserSummary": (frozenset({"id", "is_anonymous", "session_id", "type"}), {}),
    "ErrorEvent": (
        frozenset({"code", "event", "message", "status", "task_id", "workflow_run_id"}),
        {},
    ),
    "ExecutionMetadata": (
        frozenset(
            {
                "currency",
                "error_strategy",
                "iteration_id",
                "iteration_index",
                "loop_id",
                "loop_index",
                "parallel_mode_run_id",
                "total_price",
                "total_tokens",
            }
        ),
        {},
    ),
    "Feature": (frozenset({"enabled"}), {}),
    "HumanInputAction": (frozenset({"button_style", "id", "title"}), {}),
    "HumanInputDefault": (frozenset({"selector", "type", "value"}), {}),
    "HumanInputField": (
        frozenset(
            {
                "allowed_file_extensions",
                "allowed_file_types",
                "allowed_file_upload_methods",
                "default",
                "number_limits",
                "option_source",
                "output_variable_name",
                "type",
            }
        ),
        {"default": "HumanInputDefault", "option_source": "HumanInputOptions"},
    ),
    "HumanInputFormDetail": (
        frozenset(
            {"expiration_time", "form_content", "inputs", "resolved_default_values", "user_actions"}
        ),
        {"inputs": "HumanInputField", "user_actions": "HumanInputAction"},
    ),
    "HumanInputFormFilledData": (
        frozenset(
            {
                "action_id",
                "action_text",
                "node_id",
                "node_title",
                "rendered_content",
                "submitted_data",
            }
        ),
        {},
    ),
    "HumanInputFormFilledEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "HumanInputFormFilledData"},
    ),
    "HumanInputFormTimeoutData": (frozenset({"expiration_time", "node_id", "node_title"}), {}),
    "HumanInputFormTimeoutEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "HumanInputFormTimeoutData"},
    ),
    "HumanInputOptions": (frozenset({"selector", "type", "value"}), {}),
    "HumanInputRequiredData": (
        frozenset(
            {
                "actions",
                "approval_channels",
                "display_in_ui",
                "expiration_time",
                "form_content",
                "form_id",
                "form_token",
                "inputs",
                "node_id",
                "node_title",
                "resolved_default_values",
            }
        ),
        {"inputs": "HumanInputField", "actions": "HumanInputAction"},
    ),
    "HumanInputRequiredEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "HumanInputRequiredData"},
    ),
    "IterationCompletedData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "execution_metadata",
                "extras",
                "finished_at",
                "id",
                "inputs",
                "inputs_truncated",
                "node_id",
                "node_type",
                "outputs",
                "outputs_truncated",
                "parallel_id",
                "parallel_start_node_id",
                "status",
                "steps",
                "title",
                "total_tokens",
            }
        ),
        {},
    ),
    "IterationCompletedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "IterationCompletedData"},
    ),
    "IterationMetadata": (frozenset({"iteration_length", "iterator_length"}), {}),
    "IterationNextData": (
        frozenset(
            {
                "created_at",
                "duration",
                "extras",
                "id",
                "index",
                "node_id",
                "node_type",
                "parallel_id",
                "parallel_mode_run_id",
                "parallel_start_node_id",
                "pre_iteration_output",
                "title",
            }
        ),
        {},
    ),
    "IterationNextEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "IterationNextData"},
    ),
    "IterationStartedData": (
        frozenset(
            {
                "created_at",
                "extras",
                "id",
                "inputs",
                "inputs_truncated",
                "metadata",
                "node_id",
                "node_type",
                "parallel_id",
                "parallel_start_node_id",
                "title",
            }
        ),
        {"metadata": "IterationMetadata"},
    ),
    "IterationStartedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "IterationStartedData"},
    ),
    "LoopCompletedData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "execution_metadata",
                "extras",
                "finished_at",
                "id",
                "inputs",
                "inputs_truncated",
                "node_id",
                "node_type",
                "outputs",
                "outputs_truncated",
                "parallel_id",
                "parallel_start_node_id",
                "status",
                "steps",
                "title",
                "total_tokens",
            }
        ),
        {},
    ),
    "LoopCompletedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "LoopCompletedData"},
    ),
    "LoopMetadata": (frozenset({"loop_length"}), {}),
    "LoopNextData": (
        frozenset(
            {
                "created_at",
                "duration",
                "extras",
                "id",
                "index",
                "node_id",
                "node_type",
                "parallel_id",
                "parallel_mode_run_id",
                "parallel_start_node_id",
                "pre_loop_output",
                "title",
            }
        ),
        {},
    ),
    "LoopNextEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "LoopNextData"},
    ),
    "LoopStartedData": (
        frozenset(
            {
                "created_at",
                "extras",
                "id",
                "inputs",
                "inputs_truncated",
                "metadata",
                "node_id",
                "node_type",
                "parallel_id",
                "parallel_start_node_id",
                "title",
            }
        ),
        {"metadata": "LoopMetadata"},
    ),
    "LoopStartedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "LoopStartedData"},
    ),
    "MessageFileEvent": (
        frozenset({"belongs_to", "event", "id", "task_id", "type", "url", "workflow_run_id"}),
        {},
    ),
    "NodeFinishedData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "execution_metadata",
                "files",
                "finished_at",
                "id",
                "index",
                "inputs",
                "inputs_truncated",
                "iteration_id",
                "loop_id",
                "node_id",
                "node_type",
                "outputs",
                "outputs_truncated",
                "parallel_id",
                "parallel_start_node_id",
                "parent_parallel_id",
                "parent_parallel_start_node_id",
                "predecessor_node_id",
                "process_data",
                "process_data_truncated",
                "status",
                "title",
            }
        ),
        {"execution_metadata": "ExecutionMetadata", "files": "OutputFile"},
    ),
    "NodeFinishedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "NodeFinishedData"},
    ),
    "NodeRetryData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "execution_metadata",
                "files",
                "finished_at",
                "id",
                "index",
                "inputs",
                "inputs_truncated",
                "iteration_id",
                "loop_id",
                "node_id",
                "node_type",
                "outputs",
                "outputs_truncated",
                "parallel_id",
                "parallel_start_node_id",
                "parent_parallel_id",
                "parent_parallel_start_node_id",
                "predecessor_node_id",
                "process_data",
                "process_data_truncated",
                "retry_index",
                "status",
                "title",
            }
        ),
        {"execution_metadata": "ExecutionMetadata", "files": "OutputFile"},
    ),
    "NodeRetryEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "NodeRetryData"},
    ),
    "NodeStartedData": (
        frozenset(
            {
                "agent_strategy",
                "created_at",
                "extras",
                "id",
                "index",
                "inputs",
                "inputs_truncated",
                "iteration_id",
                "loop_id",
                "node_id",
                "node_type",
                "parallel_id",
                "parallel_run_id",
                "parallel_start_node_id",
                "parent_parallel_id",
                "parent_parallel_start_node_id",
                "predecessor_node_id",
                "title",
            }
        ),
        {},
    ),
    "NodeStartedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "NodeStartedData"},
    ),
    "OutputFile": (
        frozenset(
            {
                "dify_model_identity",
                "extension",
                "filename",
                "id",
                "mime_type",
                "reference",
                "related_id",
                "remote_url",
                "size",
                "tenant_id",
                "transfer_method",
                "type",
                "url",
            }
        ),
        {},
    ),
    "ParallelBranchFinishedData": (
        frozenset(
            {
                "created_at",
                "error",
                "iteration_id",
                "loop_id",
                "parallel_branch_id",
                "parallel_id",
                "parent_parallel_id",
                "parent_parallel_start_node_id",
                "status",
            }
        ),
        {},
    ),
    "ParallelBranchFinishedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "ParallelBranchFinishedData"},
    ),
    "ParallelBranchStartedData": (
        frozenset(
            {
                "created_at",
                "iteration_id",
                "loop_id",
                "parallel_branch_id",
                "parallel_id",
                "parent_parallel_id",
                "parent_parallel_start_node_id",
            }
        ),
        {},
    ),
    "ParallelBranchStartedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "ParallelBranchStartedData"},
    ),
    "PauseReason": (
        frozenset(
            {
                "TYPE",
                "actions",
                "approval_channels",
                "display_in_ui",
                "expiration_time",
                "form_content",
                "form_id",
                "form_token",
                "inputs",
                "node_id",
                "node_title",
                "resolved_default_values",
            }
        ),
        {"inputs": "HumanInputField", "actions": "HumanInputAction"},
    ),
    "ReasoningChunkData": (frozenset({"is_final", "message_id", "node_id", "reasoning"}), {}),
    "ReasoningChunkEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "ReasoningChunkData"},
    ),
    "RunCreator": (frozenset({"email", "id", "name", "user"}), {}),
    "SpeechFeature": (frozenset({"enabled", "language", "voice"}), {}),
    "StopTaskResult": (frozenset({"result"}), {}),
    "StoredFile": (
        frozenset(
            {
                "conversation_id",
                "created_at",
                "created_by",
                "extension",
                "file_key",
                "id",
                "mime_type",
                "name",
                "original_url",
                "preview_url",
                "size",
                "source_url",
                "tenant_id",
                "user_id",
            }
        ),
        {},
    ),
    "SubmitHumanInputFormResult": (frozenset(), {}),
    "SystemParameters": (
        frozenset(
            {
                "audio_file_size_limit",
                "file_size_limit",
                "image_file_size_limit",
                "video_file_size_limit",
                "workflow_file_upload_limit",
            }
        ),
        {},
    ),
    "TextChunkData": (frozenset({"from_variable_selector", "text"}), {}),
    "TextChunkEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "TextChunkData"},
    ),
    "TextReplaceData": (frozenset({"text"}), {}),
    "TextReplaceEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "TextReplaceData"},
    ),
    "Transcript": (frozenset({"text"}), {}),
    "TtsMessageEndEvent": (frozenset({"audio", "event", "task_id", "workflow_run_id"}), {}),
    "TtsMessageEvent": (frozenset({"audio", "event", "task_id", "workflow_run_id"}), {}),
    "UserInput": (
        frozenset(
            {
                "checkbox",
                "external_data_tool",
                "file",
                "file-list",
                "json_object",
                "number",
                "paragraph",
                "select",
                "text-input",
            }
        ),
        {
            "text-input": "UserInputField",
            "paragraph": "UserInputField",
            "number": "UserInputField",
            "select": "UserInputField",
            "checkbox": "UserInputField",
            "file": "UserInputField",
            "file-list": "UserInputField",
            "json_object": "UserInputField",
            "external_data_tool": "UserInputField",
        },
    ),
    "UserInputField": (
        frozenset(
            {
                "allowed_file_extensions",
                "allowed_file_types",
                "allowed_file_upload_methods",
                "default",
                "label",
                "max_length",
                "options",
                "required",
                "type",
                "variable",
            }
        ),
        {},
    ),
    "WorkflowFinishedData": (
        frozenset(
            {
                "created_at",
                "created_by",
                "elapsed_time",
                "error",
                "exceptions_count",
                "files",
                "finished_at",
                "id",
                "outputs",
                "sequence_number",
                "status",
                "total_steps",
                "total_tokens",
                "workflow_id",
            }
        ),
        {"created_by": "RunCreator", "files": "OutputFile"},
    ),
    "WorkflowFinishedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "WorkflowFinishedData"},
    ),
    "WorkflowLogEntry": (
        frozenset(
            {
                "created_at",
                "created_by_account",
                "created_by_end_user",
                "created_by_role",
                "created_from",
                "details",
                "id",
                "workflow_run",
            }
        ),
        {
            "workflow_run": "WorkflowLogRun",
            "created_by_account": "Account",
            "created_by_end_user": "EndUserSummary",
        },
    ),
    "WorkflowLogPage": (
        frozenset({"data", "has_more", "limit", "page", "total"}),
        {"data": "WorkflowLogEntry"},
    ),
    "WorkflowLogRun": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "exceptions_count",
                "finished_at",
                "id",
                "status",
                "total_steps",
                "total_tokens",
                "triggered_from",
                "version",
            }
        ),
        {},
    ),
    "WorkflowPausedData": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "outputs",
                "paused_nodes",
                "reasons",
                "status",
                "total_steps",
                "total_tokens",
                "workflow_run_id",
            }
        ),
        {"reasons": "PauseReason"},
    ),
    "WorkflowPausedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "WorkflowPausedData"},
    ),
    "WorkflowRunDetail": (
        frozenset(
            {
                "created_at",
                "elapsed_time",
                "error",
                "finished_at",
                "id",
                "inputs",
                "outputs",
                "status",
                "total_steps",
                "total_tokens",
                "workflow_id",
            }
        ),
        {},
    ),
    "WorkflowStartedData": (
        frozenset({"created_at", "id", "inputs", "reason", "sequence_number", "workflow_id"}),
        {},
    ),
    "WorkflowStartedEvent": (
        frozenset({"data", "event", "task_id", "workflow_run_id"}),
        {"data": "WorkflowStartedData"},
    ),
}
"""Required keys, and model name by key of a nested payload or list, by model name."""
