/** How a figure is to be measured. */
export interface Run {
  /** What is random in it follows from this, as far as the machine lets it. */
  readonly seed: number;
  /** Of what its goal asks for: 1 = all of it, 0.01 = a hundredth of the trials, or of the time. */
  readonly scale: number;
  /** How fast to call where a figure lets that be said; null = as its goal has it. */
  readonly callsPerSecond: number | null;
}

/** What one run of a figure found. */
export interface Finding {
  readonly isReached: boolean;
  /** What was measured, in a few words. */
  readonly measured: string;
}

/** A figure that takes minutes to measure: a promise in numbers, and the program that tries to break it. */
export interface Figure {
  readonly name: string;
  readonly goal: string;
  /** Why it cannot run here; null when it can. */
  findObstacle(): string | null;
  run(run: Run): Promise<Finding>;
}

/** So many of `whole` as the run asks for, at least `least`. */
export function scaled(whole: number, { scale }: Pick<Run, "scale">, least = 1): number {
  return Math.max(least, Math.round(whole * scale));
}

/** Sorted ascending; the value below which a share of all lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const ascending = (one: number, other: number): number => one - other;
