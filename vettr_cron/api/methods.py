"""Which methods a path takes, where Flask's own answer is not the one that callers are promised."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

Arguments = ParamSpec("Arguments")


def refuse_head(view: Callable[Arguments, Response]) -> Callable[Arguments, Response]:
    """Answer 405 to HEAD, which Flask would serve as a GET: a path that works must not work for a look."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Response:
        if request.method == "HEAD":
            raise MethodNotAllowed(["GET", "POST"])
        return view(*args, **kwargs)

    guarded.provide_automatic_options = False  # type: ignore[attr-defined]  # read by Flask; every reply is JSON
    return guarded
