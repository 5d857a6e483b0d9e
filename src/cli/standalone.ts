/** Headgate in one process: resources in, proxy workers out, wired together. What happens is told only through the events. */
import { createChannel, type Channel } from '../channel/in-process.ts';
import { selectGateways } from '../compiler/1-select-gateways.ts';
import { addressesToListenOn } from '../compiler/address-requests.ts';
import { unsupportedAddress } from '../compiler/addresses.ts';
import { createCompiler, type CompilerOptions, type Facts } from '../compiler/compile.ts';
import { createEndpointJoiner } from '../compiler/join-endpoints.ts';
import type { AddressClaim, AddressPool } from '../controller/address-pool.ts';
import { Controller } from '../controller/controller.ts';
import { mapServices, mappedEndpoints, type MappedBackend } from '../controller/mapped-backends.ts';
import type {
  Compiled,
  ControllerEvent,
  ControllerParts,
  ControllerView,
  Endpoints,
  Source,
} from '../controller/parts.ts';
import type { ResourceSet } from '../model/resources.ts';
import type { ListenerProblem } from '../contract/messages.ts';
import { filterDefinitions } from '../filters/index.ts';
import { policyDefinitions } from '../policies/index.ts';
import type { Infrastructure, InfrastructureEvents } from '../infrastructure/infrastructure.ts';
import { kinds } from '../model/kinds.ts';
import { createEndpointNotes } from './endpoint-notes.ts';
import type { HealthChange } from '../proxy/health/health-checks.ts';
import { byWhom } from './system-errors.ts';
import { WorkerProxies } from './worker-proxies.ts';

export interface StandaloneOptions {
  readonly source: Source;
  readonly workers: number;
  /** What Gateways without `spec.addresses` listen on. */
  readonly defaultAddresses: readonly string[];
  readonly backends: readonly MappedBackend[];
  readonly accessLog: 'off' | 'text' | 'json';
  /** `Shared`: replicas of this process may listen on the same ports. Absent: `Exclusive`. */
  readonly ports?: 'Exclusive' | 'Shared';
  /** Absent: the resources come from files. */
  readonly cluster?: ClusterParts;
  /** Where the proxies run; absent: they are workers of this process. */
  readonly createInfrastructure?: (channel: Channel, events: InfrastructureEvents) => Infrastructure;
  onEvent(event: ControllerEvent): void;
  /** Something a person should see, such as a worker that is being replaced. */
  onTrouble(message: string): void;
  /** Health checks found that an endpoint is unhealthy, or well again. */
  onHealth(change: HealthChange): void;
}

/** What is different where the resources come from a cluster. */
export interface ClusterParts {
  readonly pool: AddressPool;
  /** What the compiler must know of the cluster. */
  facts(): Required<Pick<Facts, 'bundleVersion' | 'channel' | 'absentKinds' | 'definitionVersions' | 'unlisted'>>;
  /** The proxies serve these resources. */
  onCompiled(compiled: Omit<Compiled, 'config'>, resources: ResourceSet): void;
}

/** How long after a listener could not be opened it is tried again. */
const retryMs = 2000;
/** Proxies of their own come back within this time when the controller was restarted; until then nothing is said of them. */
const returnMs = 2000;
/** A proxy that crashed is back within this time, if it can be. */
const lostMs = 500;
/** Proxies that have answered nothing for so long are not just busy. */
const stuckMs = 5000;

export class Standalone {
  readonly #options: StandaloneOptions;
  readonly #controller: Controller;
  readonly #infrastructure: Infrastructure;
  readonly #source = new AbortController();
  #isDraining = false;
  #retry: NodeJS.Timeout | undefined;
  /** When proxies that do not answer are looked at. */
  #look: NodeJS.Timeout | undefined;
  /** No proxy has answered anything since. */
  #quietSince = 0;

  constructor(options: StandaloneOptions) {
    this.#options = options;
    const { workers, defaultAddresses, accessLog, ports = 'Exclusive' } = options;
    const channel = createChannel();
    this.#controller = new Controller(this.#parts(channel));
    const events: InfrastructureEvents = {
      onAcknowledged: (version, problems) => this.#acknowledge(version, problems),
      onRefused: (version, message) => this.#controller.refuse(version, message),
      onUnserved: () => this.#lookAfter(lostMs),
      onTrouble: (message) => options.onTrouble(message),
    };
    this.#infrastructure =
      options.createInfrastructure?.(channel, events) ??
      new WorkerProxies({
        workers,
        defaultAddresses,
        accessLog,
        ports,
        channel,
        currentConfig: () => this.view.config,
        onHealth: options.onHealth,
        ...events,
      });
  }

  get view(): ControllerView {
    return this.#controller.view;
  }

  get isReady(): boolean {
    return this.#controller.isReady && !this.#isDraining;
  }

  /** Proxies and source come up side by side; resolves when the proxies have. */
  async start(): Promise<void> {
    const proxies = this.#infrastructure.start();
    this.#controller.start(this.#source.signal);
    await proxies;
  }

  /** Something other than the resources has changed that the compiler looks at. */
  recompile(): void {
    this.#controller.recompile();
  }

  /** Empty where the proxies are processes of their own, which are asked themselves. */
  metrics(): string {
    const proxies = this.#infrastructure;
    return proxies instanceof WorkerProxies ? proxies.renderMetrics(this.view.config.certificates) : '';
  }

  /** Not ready from now on; resolves when the last exchange has ended, `graceMs` at most. */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#look);
    this.#source.abort();
    await this.#infrastructure.drain(graceMs);
  }

  #parts(channel: Channel): ControllerParts {
    const { defaultAddresses, backends: mapped, cluster } = this.#options;
    const compilerOptions: CompilerOptions = {
      filters: filterDefinitions,
      policies: policyDefinitions,
      gatewaysWithoutClass: cluster ? 'Ignored' : 'Ours',
    };
    const compile = createCompiler(compilerOptions);
    const join = createEndpointJoiner();
    const endpointNotes = createEndpointNotes(cluster ? 'Cluster' : 'Files');
    const withServices = mapServices(mapped);
    const byHand = mappedEndpoints(mapped);
    let latest: Endpoints = new Map();
    return {
      source: this.#options.source,
      kinds: kinds.map(({ kind }) => kind),
      compile: (resources, acknowledged) => {
        const compiled = compile(withServices(resources), {
          acknowledged,
          defaultAddresses,
          ...(cluster && {
            assigned: cluster.pool.assign(claimsOf(resources, compilerOptions)),
            ...cluster.facts(),
          }),
        });
        return { ...compiled, notes: [...compiled.notes, ...endpointNotes(latest)] };
      },
      joinEndpoints: (resources, config) => {
        const joined = join(config, withServices(resources));
        latest =
          byHand.size === 0 ? joined : new Map([...joined, ...[...byHand].filter(([key]) => key in config.backends)]);
        return latest;
      },
      publish: (version, config, endpoints) => {
        cluster?.pool.published(version);
        channel.publish(version, config, endpoints);
      },
      onWaiting: () => this.#awaitProxies(),
      onCompiled: (compiled, resources) => cluster?.onCompiled(compiled, resources),
      onEvent: (event) => this.#options.onEvent(event),
      now: () => performance.now(),
      date: () => new Date(),
    };
  }

  /** Statuses must not wait for proxies that do not come, nor go on to speak of those that have gone. */
  #awaitProxies(): void {
    if (this.#look !== undefined) return;
    this.#quietSince = performance.now();
    this.#lookAfter(returnMs);
  }

  #lookAfter(ms: number): void {
    if (this.#isDraining) return;
    clearTimeout(this.#look);
    this.#look = setTimeout(() => {
      this.#look = undefined;
      const { absence } = this.#infrastructure;
      if (absence !== null) this.#controller.settleUnserved(absence);
      else if (!this.#controller.isWaiting) return;
      else if (performance.now() - this.#quietSince >= stuckMs) this.#controller.settleUnanswered();
      else this.#lookAfter(returnMs);
    }, ms);
  }

  #acknowledge(version: number, problems: readonly ListenerProblem[]): void {
    this.#quietSince = performance.now();
    const isFreed = this.#options.cluster?.pool.acknowledged(version) ?? false;
    this.#controller.acknowledge(version, problems.map(withOwner));
    if (isFreed) this.#controller.recompile();
    clearTimeout(this.#retry);
    // Others give ports up, interfaces come up, permissions are given: none of that is an edit.
    const isWorthIt = problems.some(({ reason }) => reason !== 'InvalidCertificate');
    if (isWorthIt && !this.#isDraining) this.#retry = setTimeout(() => this.#controller.retry(), retryMs);
  }
}

/** A Gateway that asks for nothing but what we cannot give gets none. */
function claimsOf(resources: ResourceSet, options: CompilerOptions): readonly AddressClaim[] {
  return selectGateways(resources, options).gateways.flatMap(({ key, gateway }) => {
    const wanted = unsupportedAddress(gateway) ? null : addressesToListenOn(gateway);
    return wanted ? [{ key, wanted }] : [];
  });
}

/** The proxies cannot see who holds a port; the main thread may. */
function withOwner(problem: ListenerProblem): ListenerProblem {
  if (problem.reason !== 'AddressInUse') return problem;
  const port = Number(/:(\d+) is in use/.exec(problem.message)?.[1]);
  const owner = Number.isNaN(port) ? '' : byWhom(port);
  const held = owner === '' ? '' : ` It is held${owner}.`;
  return { ...problem, message: `${problem.message}${held} As soon as it is free, Headgate takes it.` };
}
