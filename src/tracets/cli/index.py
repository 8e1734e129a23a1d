"""`tracets index add`, `upsert`, `delete`, `info`, `verify`, `compact`, `export` and `restore`.

They stand beside `tracets index CORPUS`: the first word decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tracets import api
from tracets.cli.show import (
    Backend,
    Json,
    Overwrite,
    backend_of,
    counting,
    done,
    json_line,
    limits,
    note,
    table_of,
)
from tracets.errors import IndexFolderError, QueryError
from tracets.types import KEEP_SECONDS

app = typer.Typer(no_args_is_help=True)

IndexPath = Annotated[Path, typer.Argument(help="An index folder.")]
Windows = Annotated[Path, typer.Argument(help="A corpus, or any file that a reader knows.")]
IndexModel = Annotated[str | None, typer.Option(help="By default the model that the index was built with.")]


class Forked(TyperCommand):
    """A command that becomes another one where its first word is the name of one of `forks`."""

    @property
    def forks(self) -> dict[str, Any]:
        """The other commands by name."""
        found: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
        return found

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        fork = self.forks.get(args[0]) if args else None
        if fork is not None:
            return fork.make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section(f"Or, instead of a corpus (one of such a name is written ./{next(iter(self.forks))})"):
            formatter.write_dl([(name, fork.get_short_help_str(80)) for name, fork in self.forks.items()])


@app.command()
def add(
    index: IndexPath, corpus: Windows, model: IndexModel = None, backend: Backend = None, as_json: Json = False
) -> None:
    """Add the windows of a corpus to an index, in one commit; an id that is there is refused."""
    _extend(index, corpus, model, backend, as_json=as_json, replace=False)


@app.command()
def upsert(
    index: IndexPath, corpus: Windows, model: IndexModel = None, backend: Backend = None, as_json: Json = False
) -> None:
    """Add the windows of a corpus, in one commit; they take the place of those with their ids."""
    _extend(index, corpus, model, backend, as_json=as_json, replace=True)


@app.command()
def delete(
    index: IndexPath,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of windows.")] = None,
    where: Annotated[str | None, typer.Option(help="A filter, such as \"label = 'fair'\".")] = None,
    as_json: Json = False,
) -> None:
    """Delete windows by id or by a filter, in one commit."""
    if (where is None) == (not ids):
        raise QueryError("say what to delete: ids, or --where EXPR, one of both.")
    changed = api.delete_where(index, where) if where is not None else api.delete_from_index(index, ids or [])
    facts = {"index": str(index), "deleted": changed.deleted, "windows": len(changed.index)}
    _dropped(changed.deleted, index)
    done(f"deleted {changed.deleted} windows; {len(changed.index)} are left in {index}", facts, as_json=as_json)


@app.command()
def info(index: IndexPath, as_json: Json = False) -> None:
    """Say what an index holds: counts, dimensions, model, versions, dead rows, format and bytes."""
    found = api.index_info(index)
    if as_json:
        json_line(found)
    else:
        table_of(found, title=str(index))


@app.command()
def verify(index: IndexPath, as_json: Json = False) -> None:
    """Read an index whole and check it; exit 2 with one line, the file and the fix, where something is wrong."""
    problems = api.verify_index(index)
    if as_json:
        json_line({"index": str(index), "ok": not problems, "problems": problems})
    if problems:
        more = f" ({len(problems) - 1} more: --json lists them)" if len(problems) > 1 else ""
        raise IndexFolderError(f"index '{index}' is damaged: {problems[0]}{more}")
    if not as_json:
        note(f"{index} is as it was written")


@app.command()
def compact(
    index: IndexPath,
    keep: Annotated[
        float, typer.Option(help="Minutes for which readers may have it open; 0: nobody has.", min=0)
    ] = KEEP_SECONDS / 60,
    as_json: Json = False,
) -> None:
    """Rewrite an index without its dead rows, with the hubness of its texts and its engine made anew."""
    before = api.index_info(index)
    compacted = api.compact_index(index, keep_seconds=60 * keep)
    after = api.index_info(index)
    facts = {
        "index": str(index), "windows": len(compacted), "dead_rows": before["dead_rows"],
        "bytes_before": before["bytes"]["folder"], "bytes": after["bytes"]["folder"],
    }  # fmt: skip
    done(
        f"compacted {index}: {before['dead_rows']} dead rows gone; older versions go {keep:g} minutes after they were "
        f"replaced, at the next change",
        facts,
        as_json=as_json,
    )


@app.command()
def export(
    index: IndexPath,
    out: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
    as_json: Json = False,
) -> None:
    """Write an index as one Parquet file, a corpus with its vectors, from which nothing is lost."""
    n = api.export_index(index, out)
    done(f"exported {n} windows to {out}", {"out": str(out), "windows": n}, as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What tracets index export wrote.")],
    out: Annotated[Path, typer.Option(help="The index folder to write.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the index that was exported: the same windows, vectors and hits, without the model."""
    restored = api.restore_index(file, out, overwrite=overwrite)
    facts = {"out": str(out), "windows": len(restored), "model": restored.model}
    done(f"restored {len(restored)} windows in {out}", facts, as_json=as_json)


def _extend(index: Path, corpus: Path, model: str | None, backend: str | None, *, as_json: bool, replace: bool) -> None:
    windows = api.read(corpus, limits=limits())
    encoder = api.model_of(api.open_index(index), model=model, backend=backend_of(backend))
    with counting("encoding", len(windows)) as progress:
        if replace:
            changed = api.upsert_index(index, windows, encoder, progress=progress)
        else:
            changed = api.add_to_index(index, windows, encoder, progress=progress)
    series, texts = changed.index.embedded or (0, 0)
    facts = {
        "index": str(index), "added": changed.added, "replaced": changed.replaced, "windows": len(changed.index),
        "encoded_windows": series, "encoded_texts": texts,
    }  # fmt: skip
    _dropped(changed.added + changed.replaced, index)
    said = f"added {changed.added} windows and replaced {changed.replaced}; {index} holds {len(changed.index)}"
    done(said, facts, as_json=as_json)


def _dropped(changes: int, index: Path) -> None:
    if changes:
        note(f"the hubness of the texts is not known after a change: tracets index compact {index} makes it anew")
