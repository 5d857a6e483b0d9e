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
  /** Begins to accept; resolves to what ends it, once proxies can come. */
  listen(accept: AcceptProxy): Promise<{ close(): Promise<void> }>;
}

export class RemoteProxies implements Infrastructure {
  readonly #options: RemoteProxiesOptions;
  readonly #acknowledgements: Acknowledgements<object>;
  #server: { close(): Promise<void> } | null = null;

  constructor(options: RemoteProxiesOptions) {
    this.#options = options;
    this.#acknowledgements = new Acknowledgements((version, problems) => options.onAcknowledged(version, problems));
  }

  get isDeserted(): boolean {
    return this.#acknowledgements.isEmpty;
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
        if (message.type === 'ack') this.#acknowledgements.acknowledge(proxy, message.version, message.problems);
        else if (message.type === 'nack') this.#options.onRefused(message.version, message.message);
      },
      onGone: () => {
        unsubscribe();
        this.#acknowledgements.remove(proxy);
      },
    };
  }
}
