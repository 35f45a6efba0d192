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
  run(seed: number): Promise<Finding>;
}

/** Sorted ascending; the value below which a share of all lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const ascending = (one: number, other: number): number => one - other;
