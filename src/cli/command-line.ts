/** The commands and their options. Each command's code is loaded only when it is run, so that the others start at once. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import {
  parseAddress,
  parseAddressPool,
  parseBackend,
  parseCount,
  parseDurationMs,
  parseHostPort,
} from './arguments.ts';
import { UserError } from './user-error.ts';
import type { ControllerOptions } from './commands/controller.ts';
import type { ProxyOptions } from './commands/proxy.ts';
import type { RunOptions } from './commands/run.ts';
import type { StatusOptions } from './commands/status.ts';
import { version } from './version.ts';

/** Runs the command that the arguments name. A mistake of the user ends with a message and status 1. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`headgate: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function program(): Command {
  const commands = new Command('headgate')
    .description('Carries traffic as Kubernetes Gateway API resources say.')
    .version(version)
    .showHelpAfterError('(see --help)');
  addRun(commands);
  addController(commands);
  addProxy(commands);
  addStatus(commands);
  commands
    .command('version')
    .description('print the versions of headgate and of its runtime')
    .action(() => void process.stdout.write(`headgate ${version} (Node ${process.versions.node})\n`));
  return commands;
}

const adminOption = () =>
  new Option('--admin <address:port>', 'where the admin API listens')
    .default('127.0.0.1:19000')
    .argParser(parseHostPort);

const workersOption = () =>
  new Option('--workers <count>', 'worker threads that carry traffic')
    .default(availableParallelism(), 'one a core')
    .argParser(parseCount);

const logFormatOption = () =>
  new Option('--log-format <format>', 'auto: text on a terminal, JSON lines elsewhere')
    .choices(['auto', 'text', 'json'])
    .default('auto');

function accessLogOption(): Option {
  return new Option('--access-log <format>', 'a line for each request, to standard output')
    .choices(['auto', 'off', 'text', 'json'])
    .default('off');
}

const graceOption = () =>
  new Option('--grace <duration>', 'time for requests in flight to end on SIGTERM')
    .default(60_000, '60s')
    .argParser(parseDurationMs);

const channelOption = () =>
  new Option('--channel <path>', 'the Unix socket between a controller and its proxies').default(
    '/run/headgate/channel.sock',
  );

const portsOption = () =>
  new Option('--ports <sharing>', 'shared: replicas on this host listen on the same ports, so that one may end')
    .choices(['exclusive', 'shared'])
    .default('exclusive');

const readyFileOption = () =>
  new Option(
    '--ready-file <path>',
    'a file that is there while this process is ready; for probes of replicas on one host',
  );

const addressOption = () =>
  new Option('--address <ip>', 'address for Gateways that name none; may be repeated')
    .default([], 'all addresses')
    .argParser(parseAddress);

function addRun(commands: Command): void {
  commands
    .command('run')
    .description('serve the Gateways in files and folders, and follow their changes')
    .argument('<path...>', 'YAML or JSON files, folders, kustomizations')
    .addOption(workersOption())
    .addOption(adminOption())
    .addOption(addressOption())
    .addOption(
      new Option('--backend <namespace/name:port=host:port>', 'send a Service port to this process; may be repeated')
        .default([], 'none')
        .argParser(parseBackend),
    )
    .addOption(logFormatOption())
    .addOption(
      new Option(
        '--access-log <format>',
        'a line for each request, to standard output; auto: text on a terminal, else off',
      )
        .choices(['auto', 'off', 'text', 'json'])
        .default('auto'),
    )
    .addOption(graceOption())
    .action(async (paths: string[], options: Omit<RunOptions, 'paths'>) => {
      const { run } = await import('./commands/run.ts');
      await run({ ...options, admin: resolvedAdmin(options.admin), paths });
    });
}

function addController(commands: Command): void {
  commands
    .command('controller')
    .description('serve the Gateways of a cluster, and write their statuses (preview)')
    .option('--kubeconfig <file>', 'how the cluster is reached; default: KUBECONFIG, the pod, or ~/.kube/config')
    .option('--context <name>', 'a context of the kubeconfig other than the current one')
    .addOption(
      new Option(
        '--infrastructure <kind>',
        'where the proxies run: workers are threads of this process, proxies are processes started by `headgate proxy`',
      )
        .choices(['workers', 'proxies'])
        .default('workers'),
    )
    .addOption(channelOption())
    .addOption(
      new Option('--address-pool <range>', 'CIDR, or from-to: each Gateway gets an address of this host out of it')
        .makeOptionMandatory()
        .argParser(parseAddressPool),
    )
    .addOption(portsOption())
    .addOption(readyFileOption())
    .addOption(
      new Option('--leader-election <boolean>', 'false: no other replica runs')
        .choices(['true', 'false'])
        .default('true'),
    )
    .addOption(workersOption())
    .addOption(adminOption())
    .addOption(logFormatOption())
    .addOption(accessLogOption())
    .addOption(graceOption())
    .action(async (options: Omit<ControllerOptions, 'leaderElection'> & { leaderElection: string }) => {
      const { controller } = await import('./commands/controller.ts');
      const leaderElection = options.leaderElection === 'true';
      await controller({ ...options, leaderElection, admin: resolvedAdmin(options.admin) });
    });
}

function addProxy(commands: Command): void {
  commands
    .command('proxy')
    .description('carry traffic for a `headgate controller --infrastructure proxies` of this host')
    .addOption(channelOption())
    .addOption(workersOption())
    .addOption(adminOption())
    .addOption(addressOption())
    .addOption(portsOption())
    .addOption(readyFileOption())
    .addOption(logFormatOption())
    .addOption(accessLogOption())
    .addOption(graceOption())
    .action(async (options: ProxyOptions) => {
      const { proxy } = await import('./commands/proxy.ts');
      await proxy({ ...options, admin: resolvedAdmin(options.admin) });
    });
}

function addStatus(commands: Command): void {
  commands
    .command('status')
    .description(
      'show Gateways, listeners, routes and their conditions: of files, of a running headgate, or of a cluster',
    )
    .argument('[path...]', 'files and folders to judge; without any, a running headgate is asked')
    .option('-n, --namespace <name>', 'of a cluster: this namespace')
    .option('-A, --all-namespaces', 'of a cluster: all namespaces')
    .option('--context <name>', 'of a cluster: a context of the kubeconfig other than the current one')
    .option('--kubeconfig <file>', 'of a cluster: how it is reached; default: KUBECONFIG, the pod, or ~/.kube/config')
    .addOption(
      new Option('-o, --output <format>', 'how to print it').choices(['table', 'json', 'yaml']).default('table'),
    )
    .addOption(adminOption())
    .action(async (paths: string[], options: Omit<StatusOptions, 'paths'>) => {
      const { status } = await import('./commands/status.ts');
      await status({ ...options, admin: resolvedAdmin(options.admin), paths });
    });
}

/** Commander leaves a default as it is; the text reads better in the help than the parsed value. */
function resolvedAdmin(admin: unknown): RunOptions['admin'] {
  return typeof admin === 'string' ? parseHostPort(admin) : (admin as RunOptions['admin']);
}
