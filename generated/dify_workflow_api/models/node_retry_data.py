from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from .. import models
from ..models.node_status import NodeStatus, check_node_status

if TYPE_CHECKING:
    from ..models.execution_metadata import ExecutionMetadata
    from ..models.output_file import OutputFile


T = TypeVar("T", bound="NodeRetryData")


@_attrs_define
class NodeRetryData:
    """The failed attempt."""

    id: str
    """ Id of this execution of the node. """
    node_id: str
    """ Id of the node in the workflow. """
    node_type: str
    """ Kind of the node. """
    title: str
    """ Title of the node. """
    index: int
    """ Position of the node in the run; from 1.9.0 always 1 in live events. """
    predecessor_node_id: None | str
    """ Id of the node before; null from 1.9.0 on. """
    inputs: Any
    """ JSON object of the node's inputs, or null. """
    inputs_truncated: bool | None
    """ Whether `inputs` was cut. """
    process_data: Any
    """ JSON object of what the node did in between, or null. """
    process_data_truncated: bool | None
    """ Whether `process_data` was cut. """
    outputs: Any
    """ JSON object of the node's outputs, or null. """
    outputs_truncated: bool | None
    """ Whether `outputs` was cut. """
    status: NodeStatus
    """ Status of a node; `exception` means a failure that the workflow handled. """
    error: None | str
    """ Error text of the attempt. """
    elapsed_time: float
    """ Duration of the attempt in seconds. """
    execution_metadata: ExecutionMetadata | None
    """ The cost of the attempt, and the part of the workflow around it. """
    created_at: int
    """ Start of the attempt (Unix seconds). """
    finished_at: int | None
    """ End of the attempt (Unix seconds). """
    files: list[OutputFile] | None
    """ Files among the outputs. """
    parallel_id: None | str
    """ Id of the parallel section. """
    parallel_start_node_id: None | str
    """ Id of the branch's first node. """
    parent_parallel_id: None | str
    """ Id of the parallel section around. """
    parent_parallel_start_node_id: None | str
    """ Id of the first node of the branch around. """
    iteration_id: None | str
    """ Id of the iteration node around. """
    loop_id: None | str
    """ Id of the loop node around. """
    retry_index: int
    """ Number of the retry that follows, from 1. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        node_id = self.node_id

        node_type = self.node_type

        title = self.title

        index = self.index

        predecessor_node_id: None | str
        predecessor_node_id = self.predecessor_node_id

        inputs = self.inputs

        inputs_truncated: bool | None
        inputs_truncated = self.inputs_truncated

        process_data = self.process_data

        process_data_truncated: bool | None
        process_data_truncated = self.process_data_truncated

        outputs = self.outputs

        outputs_truncated: bool | None
        outputs_truncated = self.outputs_truncated

        status: str = self.status

        error: None | str
        error = self.error

        elapsed_time = self.elapsed_time

        execution_metadata: dict[str, Any] | None
        if isinstance(self.execution_metadata, models.ExecutionMetadata):
            execution_metadata = self.execution_metadata.to_dict()
        else:
            execution_metadata = self.execution_metadata

        created_at = self.created_at

        finished_at: int | None
        finished_at = self.finished_at

        files: list[dict[str, Any]] | None
        if isinstance(self.files, list):
            files = []
            for files_type_0_item_data in self.files:
                files_type_0_item = files_type_0_item_data.to_dict()
                files.append(files_type_0_item)

        else:
            files = self.files

        parallel_id: None | str
        parallel_id = self.parallel_id

        parallel_start_node_id: None | str
        parallel_start_node_id = self.parallel_start_node_id

        parent_parallel_id: None | str
        parent_parallel_id = self.parent_parallel_id

        parent_parallel_start_node_id: None | str
        parent_parallel_start_node_id = self.parent_parallel_start_node_id

        iteration_id: None | str
        iteration_id = self.iteration_id

        loop_id: None | str
        loop_id = self.loop_id

        retry_index = self.retry_index

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "node_id": node_id,
                "node_type": node_type,
                "title": title,
                "index": index,
                "predecessor_node_id": predecessor_node_id,
                "inputs": inputs,
                "inputs_truncated": inputs_truncated,
                "process_data": process_data,
                "process_data_truncated": process_data_truncated,
                "outputs": outputs,
                "outputs_truncated": outputs_truncated,
                "status": status,
                "error": error,
                "elapsed_time": elapsed_time,
                "execution_metadata": execution_metadata,
                "created_at": created_at,
                "finished_at": finished_at,
                "files": files,
                "parallel_id": parallel_id,
                "parallel_start_node_id": parallel_start_node_id,
                "parent_parallel_id": parent_parallel_id,
                "parent_parallel_start_node_id": parent_parallel_start_node_id,
                "iteration_id": iteration_id,
                "loop_id": loop_id,
                "retry_index": retry_index,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        id = d.pop("id", None)

        node_id = d.pop("node_id", None)

        node_type = d.pop("node_type", None)

        title = d.pop("title", None)

        index = d.pop("index", None)

        predecessor_node_id = d.pop("predecessor_node_id", None)

        inputs = d.pop("inputs", None)

        inputs_truncated = d.pop("inputs_truncated", None)

        process_data = d.pop("process_data", None)

        process_data_truncated = d.pop("process_data_truncated", None)

        outputs = d.pop("outputs", None)

        outputs_truncated = d.pop("outputs_truncated", None)

        status = check_node_status(d.pop("status", None))

        error = d.pop("error", None)

        elapsed_time = d.pop("elapsed_time", None)

        def _parse_execution_metadata(data: object) -> models.ExecutionMetadata | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                execution_metadata_type_0 = models.ExecutionMetadata.from_dict(data)

                return execution_metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(models.ExecutionMetadata | None, data)

        execution_metadata = _parse_execution_metadata(
            d.pop("execution_metadata", None)
        )

        created_at = d.pop("created_at", None)

        finished_at = d.pop("finished_at", None)

        def _parse_files(data: object) -> list[models.OutputFile] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                files_type_0 = []
                _files_type_0 = data
                for files_type_0_item_data in _files_type_0:
                    files_type_0_item = models.OutputFile.from_dict(
                        files_type_0_item_data
                    )

                    files_type_0.append(files_type_0_item)

                return files_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[models.OutputFile] | None, data)

        files = _parse_files(d.pop("files", None))

        parallel_id = d.pop("parallel_id", None)

        parallel_start_node_id = d.pop("parallel_start_node_id", None)

        parent_parallel_id = d.pop("parent_parallel_id", None)

        parent_parallel_start_node_id = d.pop("parent_parallel_start_node_id", None)

        iteration_id = d.pop("iteration_id", None)

        loop_id = d.pop("loop_id", None)

        retry_index = d.pop("retry_index", None)

        node_retry_data = cls(
            id=id,
            node_id=node_id,
            node_type=node_type,
            title=title,
            index=index,
            predecessor_node_id=predecessor_node_id,
            inputs=inputs,
            inputs_truncated=inputs_truncated,
            process_data=process_data,
            process_data_truncated=process_data_truncated,
            outputs=outputs,
            outputs_truncated=outputs_truncated,
            status=status,
            error=error,
            elapsed_time=elapsed_time,
            execution_metadata=execution_metadata,
            created_at=created_at,
            finished_at=finished_at,
            files=files,
            parallel_id=parallel_id,
            parallel_start_node_id=parallel_start_node_id,
            parent_parallel_id=parent_parallel_id,
            parent_parallel_start_node_id=parent_parallel_start_node_id,
            iteration_id=iteration_id,
            loop_id=loop_id,
            retry_index=retry_index,
        )

        node_retry_data.additional_properties = d
        return node_retry_data

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
