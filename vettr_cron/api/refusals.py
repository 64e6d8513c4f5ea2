"""Maps gunicorn's errors to a status, a code and a sentence that names the limit."""

from typing import Any

from gunicorn.http.errors import (  # type: ignore[import-untyped]
    ChunkMissingTerminator,
    ConfigurationProblem,
    ExpectationFailed,
    InvalidChunkExtension,
    InvalidChunkSize,
    InvalidHeader,
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidRequestLine,
    InvalidRequestMethod,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ObsoleteFolding,
    ParseException,
    UnsupportedTransferCoding,
)

from vettr_cron.api.contract import BAD_REQUEST, INTERNAL_ERROR

_HEADER = (400, "BAD_REQUEST", "A header cannot be read, or contradicts another")
_CHUNK = (400, "BAD_REQUEST", "The chunks of the body cannot be read")
_REFUSALS = {
    LimitRequestLine: (414, "URI_TOO_LONG", "The request line is longer than {line} bytes; send parameters by POST"),
    LimitRequestHeaders: (
        431,
        "HEADERS_TOO_LARGE",
        "There are more than {fields} headers, or one of them is longer than {size} bytes",
    ),
    InvalidRequestLine: (400, "BAD_REQUEST", "The request line cannot be read"),
    InvalidRequestMethod: (400, "BAD_REQUEST", "The method in the request line is not valid"),
    InvalidHTTPVersion: (400, "BAD_REQUEST", "The HTTP version is neither 1.0 nor 1.1"),
    InvalidHeader: _HEADER,
    InvalidHeaderName: _HEADER,
    ObsoleteFolding: _HEADER,
    # HTTP's own status for this is 501, but a bad request is not an error of the service.
    UnsupportedTransferCoding: (400, "BAD_REQUEST", "The only supported transfer coding is chunked"),
    ExpectationFailed: (417, "EXPECTATION_FAILED", "The only supported expectation is 100-continue"),
    InvalidChunkSize: _CHUNK,
    InvalidChunkExtension: _CHUNK,
    ChunkMissingTerminator: _CHUNK,
}
_OUR_FAULT = (InvalidResponseHeader, InvalidResponseHeaderName, ConfigurationProblem)


def refusal(error: BaseException, limits: Any) -> tuple[int, str, str]:
    """The status, the code and the message; `limits` is gunicorn's configuration."""
    if isinstance(error, _OUR_FAULT) or not isinstance(error, ParseException | OSError):
        return INTERNAL_ERROR.reply
    status, code, message = _REFUSALS.get(type(error), BAD_REQUEST.reply)
    known = {
        "line": limits.limit_request_line,
        "fields": limits.limit_request_fields,
        "size": limits.limit_request_field_size,
    }
    return status, code, message.format(**known)
