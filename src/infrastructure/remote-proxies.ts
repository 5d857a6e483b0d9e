/**
 * Proxies that run as processes of their own and come to the controller: none is started, none is ended. They go on serving
 * when the controller is away. Knows nothing of how messages travel.
 */
import type { FromProxy, ToProxy } from '../contract/messages.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Infrastructure, InfrastructureEvents, MessageFeed } from './infrastructure.ts';

/** What the channel calls for each proxy that connects. */
export type AcceptProxy = (proxy: { send(message: ToProxy): void }) => {
  onMessage(message: FromProxy): void;
  onGone(): void;
};

export interface RemoteProxiesOptions extends InfrastructureEvents {
  readonly channel: MessageFeed;
  /** What to do where no proxy is connected. */
  readonly absence: string;
  /** Begins to accept; resolves to what ends it, once proxies can come. */
  listen(accept: AcceptProxy): Promise<{ close(): Promise<void> }>;
}

export class RemoteProxies implements Infrastructure {
  readonly #options: RemoteProxiesOptions;
  readonly #acknowledgements: Acknowledgements<object>;
  /** What was served is not, and nobody has answered since. */
  #isLost = false;
  #server: { close(): Promise<void> } | null = null;

  constructor(options: RemoteProxiesOptions) {
    this.#options = options;
    this.#acknowledgements = new Acknowledgements({
      onAcknowledged: (version, problems) => options.onAcknowledged(version, problems),
      onUnserved: () => {
        this.#isLost = true;
        options.onUnserved();
      },
    });
  }

  get absence(): string | null {
    if (this.#acknowledgements.isAnswered) return null;
    if (this.#acknowledgements.isEmpty) return this.#options.absence;
    return this.#isLost ? 'a proxy is connected, but none of its workers serves anything: see its log' : null;
  }

  async start(): Promise<void> {
    this.#server = await this.#options.listen((proxy) => this.#accept(proxy));
  }

  /** The proxies are not ours to end. */
  drain(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #accept(proxy: Parameters<AcceptProxy>[0]): ReturnType<AcceptProxy> {
    this.#acknowledgements.add(proxy);
    const unsubscribe = this.#options.channel.subscribe((message) => proxy.send(message));
    return {
      onMessage: (message) => {
        this.#isLost = false;
        if (message.type === 'ack') this.#acknowledgements.acknowledge(proxy, message.version, message.problems);
        else if (message.type === 'nack') {
          this.#acknowledgements.refuse(proxy);
          this.#options.onRefused(message.version, message.message);
        }
      },
      onGone: () => {
        unsubscribe();
        this.#acknowledgements.remove(proxy);
      },
    };
  }
}
