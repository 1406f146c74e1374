"""Opens the store that an operator's `object_storage_path` names, and reads single objects."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    AirflowOptionalProviderFeatureException,
    BaseHook,
    ObjectStoragePath,
)

from airflow_provider_evpl.config.plans import read_name
from airflow_provider_evpl.config.readers import guarded, read_text
from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, one_line, quoted, wrong
from airflow_provider_evpl.escapes import Reading

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_provider_evpl.lake.store import Store

__all__ = ["open_object_storage", "open_store", "read_object", "read_path"]

_EXTRAS = {"s3": "amazon", "gs": "google", "abfs": "microsoft-azure"}
_FILE_SYSTEMS = {
    "s3": "airflow.providers.amazon.aws.fs.s3",
    "gs": "airflow.providers.google.cloud.fs.gcs",
    "abfs": "airflow.providers.microsoft.azure.fs.adls",
}
"""The modules from which `ObjectStoragePath` takes its file systems. `ObjectStoragePath` imports those of all
installed providers: 0.8 s and 50 MB for the three above."""

_SCHEMES = ("file", *_EXTRAS)
# A shorter secret may be a part of a bucket's name by chance.
_SHORTEST_IN_PATHS = 6
_LARGEST_OBJECT = 64 << 20


def open_store(given: Mapping[str, object], secret: str) -> "Store":
    """Open the lake of an operator's arguments.

    The client secret must not be in the root of the lake, because logs and errors name the root.
    """
    path = given.get("object_storage_path")
    if len(secret) >= _SHORTEST_IN_PATHS and any(Reading(str(path)).find(secret)):
        raise EvplConfigError("object_storage_path: holds the client secret.", "Choose another path.")
    return guarded(lambda: open_object_storage(path, read_name(given, "object_storage_conn_id")), secret)


def open_object_storage(path: object, conn_id: str | None) -> "Store":
    """Open the root of a lake. Nothing is read or written yet.

    Args:
        path: the root, as `ObjectStoragePath` reads it: `s3://aws_default@lake/evpl`, `file:///data/evpl`.
            The schemes are `file`, `s3`, `gs` and `abfs`.
        conn_id: storage connection, if the path doesn't name one.

    Raises:
        EvplConfigError: the path or the connection is wrong; the message names the argument.
        EvplStoreError: the store's credentials are not available now.
    """
    from airflow_provider_evpl.lake.store import LocalStore, ObjectStore

    parts = read_path(path)
    conn_id = _one_conn_id(parts, conn_id)
    if parts.scheme == "file":
        return LocalStore(parts.path)
    root = parts.netloc.rpartition("@")[2] + parts.path
    return ObjectStore(parts.scheme, root, _open_file_system(parts.scheme, root, conn_id))


def read_object(url: object, conn_id: str | None, argument: str) -> bytes:
    """Read an object of up to 64 MB that an argument names, such as an inventory.

    Args:
        url: of the object, in the form of `object_storage_path`: `s3://aws_default@lake/inventory.csv`.
        conn_id: storage connection, if the URL doesn't name one.
        argument: the name of the argument, for errors.

    Raises:
        EvplConfigError: the URL or the connection is wrong, or the object is missing or too large.
        EvplStoreError: the store fails, or has no credentials now.
        EvplStoreDeniedError: the store refuses.
    """
    from airflow_provider_evpl.lake.store_errors import translate_errors

    try:
        store, name = _open_folder(url, conn_id)
    except EvplConfigError as error:
        what = error.what.replace("object_storage_path", argument, 1)
        raise EvplConfigError(what, error.next_step, error.detail, shown=error.shown) from error.__cause__
    shown = one_line(store.url(name))
    size = store.listing("").get(name)
    if size is None:
        raise EvplConfigError(
            f"{argument}: no such object.", "Check the URL.", f"URL: {shown}", shown=[shown]
        )
    if size > _LARGEST_OBJECT:
        raise EvplConfigError(
            f"{argument}: the object has {size:,} bytes, more than 64 MB.",
            "Remove rows that are not needed.",
            f"URL: {shown}",
            shown=[shown],
        )
    with translate_errors(store.url(name)), store.open(name) as file:
        return file.read()


def _open_folder(url: object, conn_id: str | None) -> "tuple[Store, str]":
    """Open the folder of an object. Return its store, and the name of the object."""
    parts = read_path(url)
    folder, _, name = parts.path.rpartition("/")
    conn_id = None if "@" in parts.netloc else conn_id
    return open_object_storage(parts._replace(path=folder).geturl(), conn_id), name


def _open_file_system(scheme: str, root: str, conn_id: str | None) -> "AbstractFileSystem":
    from airflow_provider_evpl.lake.store_errors import is_temporary, no_credentials, translate_errors

    url = f"{scheme}://{root}"
    try:
        fs = import_module(_FILE_SYSTEMS[scheme]).get_fs(conn_id)
    except (ImportError, AirflowOptionalProviderFeatureException) as error:
        reason = one_line(error)
        raise EvplConfigError(
            f"object_storage_path: no file system for {scheme} on this machine.",
            f"Install the extra, in a checkout of airflow-provider-evpl:\npip install '.[{_EXTRAS[scheme]}]'",
            f"Reason: {reason}",
            shown=[reason],
        ) from error
    except Exception as error:
        if is_temporary(error):
            with translate_errors(url):
                raise
        reason = one_line(error)
        raise EvplConfigError(
            f"object_storage_path, object_storage_conn_id: {scheme} can't be opened.",
            "Check the storage connection.",
            f"{type(error).__name__}: {reason}",
            shown=[reason],
        ) from error
    if _is_anonymous_by_default(scheme, fs):
        # gcsfs caches file systems: the next caller would get this anonymous one.
        fs.clear_instance_cache()
        raise no_credentials(
            url, "the file system would be anonymous, and the connection doesn't ask for that"
        )
    return fs


def _is_anonymous_by_default(scheme: str, fs: "AbstractFileSystem") -> bool:
    """Whether a file system is anonymous only because no credentials were found.

    The file systems of Amazon and Google open without credentials then. A connection asks for anonymous
    access by `signature_version` `unsigned` (Amazon; a signer sets it too) or `is_anonymous` (Google).
    Azure's file system is anonymous only if its connection says so.
    """
    if scheme == "s3":
        from botocore import UNSIGNED

        return bool(fs.anon) and fs.config_kwargs.get("signature_version") not in ("unsigned", UNSIGNED)
    return scheme == "gs" and fs.credentials.credentials is None


def read_path(path: object) -> SplitResult:
    """Read the root of a lake, as `open_object_storage` takes it. The root need not exist.

    Raises:
        EvplConfigError: the root is wrong; the message names the argument.
    """
    parts = _split(path)
    # The message shows the scheme as typed; `urlsplit` makes it lower case.
    _check(parts, str(path).partition(":")[0].strip())
    return parts


def _split(path: object) -> SplitResult:
    text = str(path).strip() if isinstance(path, str | ObjectStoragePath) else ""
    if not text or text == "None":
        raise EvplConfigError(
            f"object_storage_path: must be set, is {text or type(path).__name__}.",
            "Set a URL like s3://aws_default@lake/evpl or file:///data/evpl.",
        )
    if "{{" in text or "{%" in text:
        raise EvplConfigError(
            "object_storage_path: holds a template that was not rendered.",
            "Check the template, and that the argument is a template field.",
        )
    if one_line(read_text(text, "object_storage_path"), len(text)) != text:
        raise EvplConfigError("object_storage_path: holds a control character or an invisible one.")
    try:
        return urlsplit(text)
    except ValueError as error:
        reason = one_line(error)
        raise EvplConfigError(
            "object_storage_path: is no URL.", detail=f"Reason: {reason}", shown=[reason]
        ) from None


def _check(parts: SplitResult, scheme: str) -> None:
    user, _, bucket = parts.netloc.rpartition("@")
    folders = parts.path.strip("/").split("/")
    if parts.scheme not in _SCHEMES:
        raise wrong(f"object_storage_path: the scheme must be one of {', '.join(_SCHEMES)}", scheme)
    if ":" in user:
        problem = "takes a connection id before the @, never a user and a password"
    elif parts.scheme == "file" and (bucket or not re.match("/[^/]", parts.path)):
        problem = "must be absolute, with three slashes: file:///data/evpl"
    elif parts.scheme != "file" and not bucket:
        problem = f"has no bucket. Write {parts.scheme}://bucket/folder"
    elif parts.scheme == "abfs" and "." in bucket:
        problem = "takes a container, abfs://container/folder.\nThe connection names the account"
    elif parts.scheme == "abfs" and set("\\:[]") & set(parts.path):
        problem = "must be without \\ : [ ] in a folder.\nadlfs can't list or open such objects"
    elif {".", ".."} & set(folders) or "" in folders[1:] or parts.query or parts.fragment:
        problem = "must be plain: no '.', '..' or empty folder, no '?', no '#'"
    else:
        return
    raise EvplConfigError(*f"object_storage_path: {problem}.".splitlines())


def _one_conn_id(parts: SplitResult, conn_id: str | None) -> str | None:
    in_path = parts.netloc.rpartition("@")[0] or None
    if in_path and conn_id and in_path != conn_id:
        ids = [quoted(conn_id), quoted(in_path)]
        raise EvplConfigError(
            f"object_storage_conn_id: is {ids[0]}, the path says {ids[1]}.", "Set one of them.", shown=ids
        )
    found = conn_id or in_path
    if found is not None:
        _check_conn_id(found)
    return found


def _check_conn_id(conn_id: str) -> None:
    """Check that the connection exists, because Amazon's hook only warns and goes on without credentials."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        name = one_line(conn_id, LONGEST_NAME)
        raise EvplConfigError(
            f"No storage connection `{name}`.",
            "Create it, or correct `object_storage_conn_id` or the path.",
            "If it exists, Airflow can't read it: check the backend that stores it.",
            shown=[name],
        ) from None
