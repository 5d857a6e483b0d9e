/**
 * `conformance/run`: the official suite against the cluster of a kubeconfig, and what came of it in a few lines. It starts
 * nothing but the suite: the cluster and Headgate run already.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { version } from '../src/cli/version.ts';
import { gapsOf, readReport, totalsOf } from './report.ts';
import { apis, buildSuite, gatewayProfiles, runSuite, type Api } from './suite.ts';

interface Options {
  readonly kubeconfig?: string;
  readonly api: Api;
  readonly channel?: 'standard' | 'experimental';
  readonly profiles: string;
  readonly runTest?: string;
  readonly report?: string;
  readonly gatewayClass: string;
  readonly usableAddress?: string;
  readonly unusableAddress?: string;
  readonly timeouts?: string;
  readonly complete?: true;
  readonly build?: true;
}

/** As the public list of reports names us: https://gateway-api.sigs.k8s.io/implementations. */
const implementation = {
  organization: 'headgate',
  project: 'headgate',
  url: 'https://headgate.dev',
  version: `v${version}`,
  contact: 'https://headgate.dev',
};

const cache = join(import.meta.dirname, '.cache');

function readOptions(): Options {
  return new Command('conformance/run')
    .description('Runs the Gateway API conformance suite against a cluster on which Headgate runs.')
    .option('--kubeconfig <file>', 'how the cluster is reached; default: KUBECONFIG, the pod, or ~/.kube/config')
    .addOption(new Option('--api <version>', 'of the suite; the CRDs must be of the same').choices(apis).default('1.7'))
    .addOption(new Option('--channel <name>', 'that the CRDs must be of').choices(['standard', 'experimental']))
    .option('--profiles <names>', 'conformance profiles, by commas', gatewayProfiles.join(','))
    .option('--run-test <name>', 'only this test, whatever its features')
    .option('--report <file>', 'where to write the report')
    .option('--gateway-class <name>', 'an accepted GatewayClass', 'headgate')
    .option('--usable-address <ip>', 'for the test of static addresses: one that a Gateway can have if it asks')
    .option('--unusable-address <ip>', 'for the same test: one that no Gateway can have', '192.0.2.1')
    .option('--timeouts <overrides>', "the suite's -timeout-config-overrides, such as MaxTimeToConsistency:10")
    .option('--complete', 'skipped tests and unsupported features are a failure too')
    .option('--build', 'only build the suite')
    .showHelpAfterError('(see --help)')
    .parse()
    .opts<Options>();
}

/** The suite's own flags. Its features come from the status of the GatewayClass; none is named, none exempt, no test skipped. */
function flagsOf(options: Options, report: string): string[] {
  const flags: Readonly<Record<string, string | undefined>> = {
    kubeconfig: options.kubeconfig && resolve(options.kubeconfig),
    'gateway-class': options.gatewayClass,
    'conformance-profiles': options.profiles,
    'run-test': options.runTest,
    'usable-address': options.usableAddress,
    'unusable-address': options.usableAddress && options.unusableAddress,
    'timeout-config-overrides': options.timeouts,
    // A test that runs beside others fails by their doing; up to v1.6 it was even reported before it had run.
    'disable-parallel-tests': 'true',
    'report-output': report,
    ...implementation,
  };
  return Object.entries(flags).flatMap(([name, value]) => (value ? [`-${name}=${value}`] : []));
}

async function main(): Promise<number> {
  const options = readOptions();
  mkdirSync(cache, { recursive: true });
  const binary = buildSuite(options.api, cache);
  if (options.build) return 0;
  const report = options.report ? resolve(options.report) : join(cache, 'report.yaml');
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const log = join(cache, `suite-${options.api}.log`);
  const { exitCode, tests, seconds } = await runSuite({ binary, log, flags: flagsOf(options, report) });
  const bad = tests.filter(({ result }) => result !== 'passed' && result !== 'skipped');
  for (const { result, name } of bad) console.log(`${result}: ${name}`);
  const count = (result: string) => tests.filter((test) => test.result === result).length;
  console.log(
    `suite ${options.api}: ${count('passed')} passed, ${bad.length} failed, ${count('skipped')} skipped in ${seconds} s; log: ${log}`,
  );
  if (!existsSync(report)) {
    console.log('No report was written: the suite ended before its tests. The log ends with:');
    console.log(readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n'));
    return exitCode || 1;
  }
  // The report of a single test lists all others as skipped.
  if (options.runTest) return exitCode;
  const read = readReport(readFileSync(report, 'utf8'));
  console.log(totalsOf(read));
  const gaps = gapsOf(read, options.channel);
  for (const gap of gaps.wrong) console.log(gap);
  for (const gap of gaps.missing) console.log(gap);
  const isBad = gaps.wrong.length > 0 || (options.complete === true && gaps.missing.length > 0);
  return exitCode || (isBad ? 1 : 0);
}

process.exitCode = await main();
