"""How the versions of the server differ: one table (DIFY-VERSIONS.md)."""

from __future__ import annotations

import attrs

NOT_UNDERSTOOD = "The browser (or proxy) sent a request that this server could not understand."
"""What the server's framework says of a request that it cannot read."""


_ABORTED = "Aborted: User requested stop"


@attrs.frozen
class StopOutcome:
    """How a run ends that is stopped.

    Args:
        status: What its stream says.
        error: The reason that its stream gives.
        detail: Status in run detail and logs; ``running`` for ever on some versions.
        detail_error: The reason there; None for the same as in the stream.
    """

    status: str
    error: str
    detail: str
    detail_error: str | None = None


SHUTDOWN = StopOutcome(
    "stopped",
    "Aborted: Workflow stopped because the worker is shutting down.",
    detail="stopped",
)
"""What becomes of the runs of a worker that is told to end (SIGTERM)."""


@attrs.frozen
class Dialect:
    """What a version of the server does; the defaults are those of 1.14.2.

    Args:
        version: ``X-Version`` of its answers.
        exposes_headers: Whether answers name the headers that a browser may read.
        names_scheme: Whether the refusal of a key names the scheme (``WWW-Authenticate``).
        names_methods: Whether the refusal of a method names those that there are.
        varies: Whether answers name the headers that they vary with.
        compact_json: Whether bodies come without spaces, and with escaped slashes.
        blocking_charset: Whether the blocking mode's content type names a charset.
        parameter_errors: Whose errors bad parameters give: ``reqparse`` (with ``params``),
            ``restx`` (with ``errors``) or ``pydantic``.
        server_error_status: Whether the body of a 500 repeats the status.
        root: Whether ``GET /v1/`` answers.
        strict_json: Whether NaN and lone surrogates in a body are refused.
        null_mode_blocks: Whether ``response_mode: null`` means blocking.
        run_by_id: Whether a published version can be run by its id.
        site: Whether ``GET /site`` is there.
        site_placeholder: Whether it has ``input_placeholder``.
        info_mode: Whether /info names the app's mode and author.
        end_users: Whether ``GET /end-users/{id}`` is there.
        human_input: ``api`` where forms and /events are there, ``web`` where a run pauses but
            only a browser can answer, ``none`` before.
        unknown_run_is_null: Whether the detail of an unknown run is an answer of nulls.
        detail_checks_mode: Whether run detail is refused to apps of another mode.
        null_counts: What ``total_steps`` is in such an answer.
        detail_outputs: How run detail shows outputs: ``object``, ``text`` (``null`` for a run
            that failed) or ``always-text`` (``{}`` for it).
        detail_times: Whether times of run detail are Unix seconds; else RFC 822 texts.
        system_timestamp: Whether the inputs of run detail have ``sys.timestamp``.
        logged_at: When a run's log row appears: at its ``start`` or its ``end``.
        left_stream: What becomes of a run whose stream the client left: ``logged`` as any other,
            ``unlogged`` (in run detail alone) or ``lost`` (running for ever).
        log_details: Whether log rows have ``details`` and ``triggered_from``.
        end_user_type: ``type`` of a log row's end user.
        log_time_parser: ``isoparse`` or ``fromisoformat``.
        log_user_filters: Whether ``created_by_*`` filters filter.
        unknown_account_refused: Whether an unknown ``created_by_account`` is an error.
        keyword_and_session_fail: Whether keyword and session id together are a 500.
        keyword_escapes: Whether ``%`` and ``_`` of a keyword stand for themselves, and other
            letters than ASCII match nothing.
        in_worker: Whether a worker runs what is streamed, and finds bad inputs itself; the stream
            then begins with a ping. Else the API process does both.
        raw_stream: Whether stream JSON is compact, with letters as they are.
        linger: Whether the stream stays open for a second after its last event.
        tells_unmade: Whether the stream of a run that a worker could not make tells of a run that
            failed, of which no record exists; else it is silent.
        start_reason: Whether ``workflow_started`` has a ``reason``.
        sequence_number: Whether runs are numbered.
        failed_outputs_null: Whether the outputs of a failed run are null.
        no_error: What ``error`` is where there is none.
        counts_steps: Whether ``total_steps`` is right; else 0.
        counts_exceptions: What ``exceptions_count`` of a failed run is: ``retries`` (each attempt
            counts) or ``none``.
        all_text: Whether every output is streamed as text; else a model's alone.
        node_positions: Whether nodes are numbered and name the node before them.
        parallel_keys: Whether node events have ``parallel_*`` keys, and branches events.
        truncated_keys: Whether node events have ``*_truncated`` keys.
        null_node_values: Which values of a node are null where it has none.
        system_node_inputs: Whether the start node shows the ``sys.*`` inputs.
        true_exception: Whether a handled failure shows its error; else "Unknown error".
        runs_branches_at_once: Whether parallel branches go on at the same time.
        iteration_length: Name of an iteration's length.
        iteration_keys: Whether ``iteration_next`` and the like have the older keys.
        parallel_index: Whether nodes of a parallel iteration tell the item's index.
        next_comes_after: Whether ``iteration_next`` comes behind each item, and once before all.
        iteration_costs: Whether the end of an iteration says what it cost.
        queue_stop: How a run ends that is stopped, where the queue of its events sees that first.
        engine_stop: How it ends where the engine does.
        stop_winner: Which of the two usually does: ``queue`` or ``engine``.
        shutdown_stops: Whether a worker that is told to end stops its runs; else it waits for
            their end.
        stop_by_anybody: Whether a stop by another user, or another app's key, stops the run.
        step_limit_error: What ends a run after 500 steps.
        step_limit_stream: Status that its stream tells.
        step_limit_detail: Status that run detail and the logs tell.
        stream_needs_two: Whether a streamed run needs two free places among the concurrent ones.
        names_app_in_limit: Whether the refusal for too many runs names the app.
        reasoning: Whether a model's reasoning is streamed.
        form_events: Whether ``human_input_form_filled`` and ``_timeout`` are sent.
        approval_channels: Whether forms have ``approval_channels``.
        form_is_node: Whether the id of a form is that of the node's execution.
        replays_rendered: Whether the replay of a paused run shows forms with values in them.
        old_reasons: Whether the reasons of a pause have ``display_in_ui`` and no time of expiry.
        file_remote_url: Whether an uploaded file has its address as ``remote_url`` too.
        file_owner: Whether a file is for the user who uploaded it alone.
        upload_keys: Keys of the answer to an upload beyond the first seven.
        no_file_code: Error code of an upload without a file.
        no_file_message: Its message.
        slash_in_name: Whether a file name may have a slash.
        too_large_message: Message of the 413 for a large file.
        file_keys: Keys of a file among outputs, in their order.
    """

    version: str = "1.14.2"
    exposes_headers: bool = True
    names_scheme: bool = True
    names_methods: bool = False
    varies: bool = True
    compact_json: bool = True
    blocking_charset: bool = True
    parameter_errors: str = "pydantic"
    server_error_status: bool = True
    root: bool = False
    strict_json: bool = True
    null_mode_blocks: bool = True
    run_by_id: bool = True
    site: bool = True
    site_placeholder: bool = False
    info_mode: bool = True
    end_users: bool = True
    human_input: str = "api"
    unknown_run_is_null: bool = False
    detail_checks_mode: bool = False
    null_counts: int | None = None
    detail_outputs: str = "object"
    detail_times: bool = True
    system_timestamp: bool = True
    logged_at: str = "start"
    left_stream: str = "logged"
    log_details: bool = True
    end_user_type: str = "service-api"
    log_time_parser: str = "isoparse"
    log_user_filters: bool = True
    unknown_account_refused: bool = True
    keyword_and_session_fail: bool = True
    keyword_escapes: bool = True
    in_worker: bool = True
    raw_stream: bool = True
    linger: bool = True
    tells_unmade: bool = False
    start_reason: bool = True
    sequence_number: bool = False
    failed_outputs_null: bool = False
    no_error: str | None = None
    counts_steps: bool = True
    counts_exceptions: str = "retries"
    all_text: bool = True
    node_positions: bool = False
    parallel_keys: bool = False
    truncated_keys: bool = True
    null_node_values: tuple[str, ...] = ()
    system_node_inputs: bool = False
    true_exception: bool = False
    runs_branches_at_once: bool = True
    iteration_length: str = "iteration_length"
    iteration_keys: bool = False
    parallel_index: bool = True
    next_comes_after: bool = False
    iteration_costs: bool = True
    queue_stop: StopOutcome = StopOutcome("stopped", "Stopped by user.", detail="running")
    engine_stop: StopOutcome = StopOutcome("failed", _ABORTED, detail="stopped")
    stop_winner: str = "queue"
    shutdown_stops: bool = False
    stop_by_anybody: bool = True
    step_limit_error: str = "Aborted: Maximum execution steps exceeded: 501 > 500"
    step_limit_stream: str = "failed"
    step_limit_detail: str = "stopped"
    stream_needs_two: bool = True
    names_app_in_limit: bool = True
    reasoning: bool = False
    form_events: bool = True
    approval_channels: bool = False
    form_is_node: bool = False
    replays_rendered: bool = False
    old_reasons: bool = False
    file_remote_url: bool = False
    file_owner: bool = True
    upload_keys: tuple[str, ...] = (
        "preview_url",
        "source_url",
        "original_url",
        "user_id",
        "tenant_id",
        "conversation_id",
        "file_key",
    )
    no_file_code: str = "no_file_uploaded"
    no_file_message: str = "Please upload your file."
    slash_in_name: bool = False
    too_large_message: str = ""
    file_keys: tuple[str, ...] = (
        "dify_model_identity",
        "id",
        "type",
        "transfer_method",
        "remote_url",
        "reference",
        "filename",
        "extension",
        "mime_type",
        "size",
        "related_id",
        "url",
    )


_V1_14 = Dialect()

_V1_15 = attrs.evolve(
    _V1_14,
    version="1.15.0",
    tells_unmade=True,
    queue_stop=StopOutcome("stopped", "Stopped by user.", detail="stopped"),
    reasoning=True,
    approval_channels=True,
)

_V1_16 = attrs.evolve(
    _V1_15,
    version="1.16.1",
    linger=False,
    site_placeholder=True,
    queue_stop=StopOutcome(
        "stopped",
        "Stopped by user.",
        detail="stopped",
        detail_error="Aborted: App task was stopped",
    ),
    engine_stop=StopOutcome("stopped", _ABORTED, detail="stopped"),
    shutdown_stops=True,
    step_limit_stream="stopped",
    form_events=False,
    form_is_node=True,
    replays_rendered=True,
)

_V1_13 = attrs.evolve(
    _V1_14,
    version="1.13.3",
    human_input="web",
    system_node_inputs=True,
    runs_branches_at_once=False,
    old_reasons=True,
    file_remote_url=True,
    file_owner=False,
    too_large_message="File size exceeded. {message}",
    file_keys=(
        "dify_model_identity",
        "id",
        "tenant_id",
        "type",
        "transfer_method",
        "remote_url",
        "related_id",
        "filename",
        "extension",
        "mime_type",
        "size",
        "url",
    ),
)

_V1_9 = attrs.evolve(
    _V1_13,
    version="1.9.2",
    exposes_headers=False,
    varies=False,
    blocking_charset=False,
    parameter_errors="restx",
    null_mode_blocks=False,
    end_users=False,
    human_input="none",
    unknown_run_is_null=True,
    detail_outputs="text",
    system_timestamp=False,
    logged_at="end",
    left_stream="unlogged",
    log_details=False,
    end_user_type="service_api",
    keyword_escapes=False,
    in_worker=False,
    linger=False,
    start_reason=False,
    queue_stop=StopOutcome("stopped", "Stopped by user.", detail="stopped", detail_error=_ABORTED),
    stop_winner="engine",
    stream_needs_two=False,
    upload_keys=("preview_url", "source_url"),
)

_V1_10 = attrs.evolve(
    _V1_9,
    version="1.10.1",
    system_timestamp=True,
    log_details=True,
    end_user_type="service-api",
    queue_stop=StopOutcome("stopped", "Stopped by user.", detail="running"),
    stop_winner="queue",
)

_V1_9_1 = attrs.evolve(
    _V1_9,
    version="1.9.1",
    left_stream="lost",
    unknown_account_refused=False,
    no_error="",
    counts_steps=False,
    queue_stop=StopOutcome("failed", _ABORTED, detail="failed"),
    engine_stop=StopOutcome("failed", _ABORTED, detail="failed"),
)

_V1_7 = attrs.evolve(
    _V1_9,
    version="1.7.2",
    names_scheme=False,
    names_methods=True,
    compact_json=False,
    parameter_errors="reqparse",
    server_error_status=False,
    root=True,
    strict_json=False,
    null_counts=0,
    left_stream="lost",
    unknown_account_refused=False,
    raw_stream=False,
    no_error="",
    counts_exceptions="none",
    all_text=False,
    node_positions=True,
    parallel_keys=True,
    truncated_keys=False,
    null_node_values=("inputs", "process_data"),
    true_exception=True,
    runs_branches_at_once=True,
    iteration_length="iterator_length",
    iteration_keys=True,
    next_comes_after=True,
    iteration_costs=False,
    queue_stop=StopOutcome("stopped", "Stopped by user.", detail="stopped"),
    engine_stop=StopOutcome("stopped", "Stopped by user.", detail="stopped"),
    stop_winner="queue",
    stop_by_anybody=False,
    step_limit_error="Max steps 500 reached.",
    step_limit_detail="failed",
    upload_keys=("preview_url",),
)

_V1_0 = attrs.evolve(
    _V1_7,
    version="1.0.1",
    run_by_id=False,
    site=False,
    info_mode=False,
    detail_checks_mode=True,
    detail_outputs="always-text",
    detail_times=False,
    log_time_parser="fromisoformat",
    log_user_filters=False,
    keyword_and_session_fail=False,
    sequence_number=True,
    parallel_index=False,
    failed_outputs_null=True,
    no_error=None,
    null_node_values=("inputs", "process_data", "outputs"),
    names_app_in_limit=False,
    file_remote_url=False,
    no_file_code="bad_request_key_error",
    no_file_message=NOT_UNDERSTOOD,
    upload_keys=(),
    slash_in_name=True,
)

DIALECTS = {
    "1.0": _V1_0,
    "1.7": _V1_7,
    "1.9.1": _V1_9_1,
    "1.9": _V1_9,
    "1.10": _V1_10,
    "1.13": _V1_13,
    "1.14": _V1_14,
    "1.15": _V1_15,
    "1.16": _V1_16,
}
"""The versions that can be emulated. No exchange with 1.9.1, 1.10 and 1.15 was recorded: they are
their neighbours but for what is known to differ."""


def dialect_of(version: str) -> Dialect:
    """The dialect of a version.

    Args:
        version: Its first two numbers, such as ``"1.14"``; the third counts in 1.9.1 alone.

    Raises:
        ValueError: It cannot be emulated.
    """
    dialect = DIALECTS.get(version) or DIALECTS.get(".".join(version.split(".")[:2]))
    if dialect is None:
        raise ValueError(f"server_version must be one of {', '.join(DIALECTS)}, not {version!r}")
    return dialect
