/** Versions of the Gateway API's definitions, as a cluster tells them (`v1.7.0`). */

/** The newest version that is supported, and what is taken where the cluster does not tell its own. */
export const newestBundleVersion = 'v1.7.0';

/** 7 of `v1.7.0`; NaN where it is not a version 1. */
export function minorOf(version: string): number {
  return Number(/^v1\.(\d+)\./.exec(version)?.[1]);
}
