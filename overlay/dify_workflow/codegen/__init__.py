"""Write typed modules for your apps, as ``dify-workflow types`` does.

Reading exports needs ``pip install dify-workflow[types]``::

    from dify_workflow.codegen import generate
    from dify_workflow.dsl import read_app

    print(generate(read_app("story.yml"), class_name="Story"))
"""

from .module import changes, digest, generate, is_ours
from .published import differences, published_app, published_inputs
from .samples import narrowed, past_outputs
from .settings import AppSettings, find_settings, read_settings

__all__ = [
    "AppSettings",
    "changes",
    "differences",
    "digest",
    "find_settings",
    "generate",
    "is_ours",
    "narrowed",
    "past_outputs",
    "published_app",
    "published_inputs",
    "read_settings",
]
