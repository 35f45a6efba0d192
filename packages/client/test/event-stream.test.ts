import { describe, expect, it } from "vitest";
import { readEvents, readLines } from "../src/event-stream.ts";

async function* bytes(text: string, size: number): AsyncGenerator<Uint8Array> {
  const all = new TextEncoder().encode(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("a stream of events", () => {
  const text =
    ': hello\n\nevent: call\ndata: {"a":"é€😀"}\n\ndata: one\r\ndata: two\r\n\r\nid: 7\n\nevent: lost\ndata: unfinished';

  it("is read the same wherever its bytes are cut", async () => {
    const expected = [
      { event: "call", data: '{"a":"é€😀"}' },
      { event: "message", data: "one\ntwo" },
    ];
    for (let size = 1; size < 40; size++)
      expect(await collect(readEvents(bytes(text, size)))).toEqual(expected);
  });

  it("is split into lines, the last one without an end included", async () => {
    expect(await collect(readLines(bytes("a\r\nb\n\nc", 3)))).toEqual(["a", "b", "", "c"]);
  });

  it("is given up when a line has no end", async () => {
    await expect(collect(readLines(bytes("x".repeat(1_100_000), 65_536)))).rejects.toThrow("too long");
  });
});
