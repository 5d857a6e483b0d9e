/** Reads a report of the suite and says what it comes to. Knows no files and starts nothing. */
import { load } from 'js-yaml';

interface Status {
  readonly result: string;
  /** Numbers that are 0 are left out. */
  readonly statistics: { readonly Passed?: number; readonly Failed?: number; readonly Skipped?: number };
  readonly skippedTests?: readonly string[];
  readonly failedTests?: readonly string[];
}

/** The fields of a `ConformanceReport` (gateway.networking.k8s.io/v1) that are read here. */
export interface Report {
  readonly gatewayAPIVersion: string;
  readonly gatewayAPIChannel: string;
  readonly profiles?: readonly {
    readonly name: string;
    readonly core: Status;
    readonly extended?: Status & { readonly unsupportedFeatures?: readonly string[] };
  }[];
}

export const readReport = (text: string): Report => load(text) as Report;

type Profile = NonNullable<Report['profiles']>[number];

function numbersOf({ statistics: { Passed = 0, Failed = 0, Skipped = 0 } }: Status): string {
  return `${Passed} passed, ${Failed} failed, ${Skipped} skipped`;
}

/** A line a profile, in the order of their names. */
export function totalsOf({ profiles = [], gatewayAPIVersion, gatewayAPIChannel }: Report): string {
  const line = ({ name, core, extended }: Profile) => {
    const unsupported = extended?.unsupportedFeatures?.length ?? 0;
    const more = extended ? `; extended: ${numbersOf(extended)}; unsupported features: ${unsupported}` : '';
    return `  ${name.padEnd(12)} core: ${numbersOf(core)}${more}`;
  };
  const lines = profiles.toSorted((a, b) => a.name.localeCompare(b.name)).map(line);
  return [`Gateway API ${gatewayAPIVersion}, ${gatewayAPIChannel} channel`, ...lines].join('\n');
}

/** `wrong`: the report does not say what was asked. `missing`: it is true, but not the whole of a profile. */
export interface Gaps {
  readonly wrong: readonly string[];
  readonly missing: readonly string[];
}

export function gapsOf(report: Report, channel?: string): Gaps {
  const { profiles = [], gatewayAPIChannel } = report;
  const wrong = profiles.length === 0 ? ['The report has no profile.'] : [];
  if (channel && channel !== gatewayAPIChannel)
    wrong.push(`The CRDs of the cluster are of the ${gatewayAPIChannel} channel, not of the ${channel} one.`);
  const missing = profiles.flatMap(({ name, core, extended }) => {
    const skipped = [...(core.skippedTests ?? []), ...(extended?.skippedTests ?? [])];
    const unsupported = extended?.unsupportedFeatures ?? [];
    return [
      ...(skipped.length > 0 ? [`${name} skips ${skipped.join(', ')}`] : []),
      ...(unsupported.length > 0 ? [`${name} does not support ${unsupported.join(', ')}`] : []),
    ];
  });
  return { wrong, missing };
}
