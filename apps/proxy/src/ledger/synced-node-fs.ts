import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";
import { NodeFS } from "@electric-sql/pglite/nodefs";

/** What Emscripten's file system hands to a stream operation: an open file, or a directory that has no descriptor. */
interface Stream {
  readonly nfd?: number;
  readonly node: unknown;
}

/** The parts of Emscripten's NODEFS that matter here; its published types have none of them. */
interface NodeFileSystem {
  realPath(node: unknown): string;
  /** Turns an error of Node's into one that PostgreSQL sees; any other would be swallowed on its way. */
  tryFSOperation(operation: () => void): void;
  readonly stream_ops: { fsync?: (stream: Stream) => number };
}

type InitResult = ReturnType<NodeFS["init"]>;

/**
 * PGlite's files in a directory, with an fsync that reaches the disk. Emscripten calls `fsync` on a stream where there
 * is one, and its NODEFS has none, so that PostgreSQL's own waits for the disk return at once. Only `fsync` is wired:
 * `fdatasync` is a stub, so PostgreSQL must be told `wal_sync_method=fsync`.
 */
export class SyncedNodeFS extends NodeFS {
  override async init(...args: Parameters<NodeFS["init"]>): InitResult {
    const { emscriptenOpts } = await super.init(...args);
    const wire = (module: { readonly NODEFS: unknown }) => wireSync(module.NODEFS as NodeFileSystem);
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), wire] } };
  }
}

function wireSync(files: NodeFileSystem): void {
  files.stream_ops.fsync = ({ nfd, node }) => {
    files.tryFSOperation(() => (nfd === undefined ? syncPath(files.realPath(node)) : fdatasyncSync(nfd)));
    return 0;
  };
}

function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
