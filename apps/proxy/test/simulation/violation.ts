/** A promise that was broken in a simulated history. */
export class Violation extends Error {
  override readonly name = "Violation";
}
