/** What an operation answers with in place of an object: bytes, one character each (latin1). */
export class RawContent {
  /** The media type. */
  readonly type: string;
  readonly bytes: string;

  constructor(type: string, bytes: string) {
    this.type = type;
    this.bytes = bytes;
  }
}
