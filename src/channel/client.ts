/**
 * A proxy's end of the channel to a controller in another process: keeps the newest state and hands it to the workers of
 * this process, while there is a controller and while there is none. It never gives up, and never forgets what it has.
 */
import net from 'node:net';
import { channelProtocol, type Hello } from '../contract/channel-messages.ts';
import { deriveConfig, patchConfig } from '../contract/config-diff.ts';
import type { EndpointsPatch } from '../contract/endpoints.ts';
import { emptyConfig, type GatewayConfig } from '../contract/gateway-config.ts';
import type { Key } from '../contract/keys.ts';
import type { FromProxy, ListenerProblem, ToProxy } from '../contract/messages.ts';
import { createChannel, type Channel } from './in-process.ts';
import { createLineReader, toLine } from './lines.ts';

export interface ChannelClientOptions {
  /** Of the controller's socket. */
  readonly path: string;
  /** Of the program. */
  readonly version: string;
  /** The controller is there, or is not: `problem` says why. Told only when it changes. */
  onState(state: { readonly isConnected: boolean; readonly problem: string }): void;
  /** The controller wants this process to end. */
  onDrain(graceMs: number): void;
}

/** Between two attempts to reach the controller. A Unix socket costs nothing to try. */
const retryMs = 200;

export class ChannelClient {
  /** What the workers are fed from. Its versions count on from one controller to the next. */
  readonly channel: Channel = createChannel();
  readonly #options: ChannelClientOptions;
  #config: GatewayConfig = emptyConfig;
  #endpointKeys = new Set<Key>();
  /** What the controller calls the version that this process calls `channel.version`. */
  #remoteVersion = 0;
  #socket: net.Socket | null = null;
  #isGreeted = false;
  #told: string | null = null;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ChannelClientOptions) {
    this.#options = options;
  }

  /** As the controller last said. */
  get config(): GatewayConfig {
    return this.#config;
  }

  start(): void {
    this.#connect();
  }

  close(): void {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  /** What was acknowledged does not hold any more: to the controller this is a proxy that has yet to answer. */
  comeAgain(): void {
    this.close();
    this.#connect();
  }

  /** All workers serve this version of `channel`, but for the listeners named. */
  acknowledge(version: number, problems: readonly ListenerProblem[]): void {
    if (version === this.channel.version) this.#send({ type: 'ack', version: this.#remoteVersion, problems });
  }

  /** A worker could not take this version of `channel`. */
  refuse(version: number, message: string): void {
    if (version === this.channel.version) this.#send({ type: 'nack', version: this.#remoteVersion, message });
  }

  #connect(): void {
    const socket = net.connect(this.#options.path);
    this.#socket = socket;
    this.#isGreeted = false;
    let problem = '';
    const read = createLineReader((message) => this.#receive(message as Hello | ToProxy));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      try {
        read(text);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.once('connect', () => {
      socket.write(
        toLine({ type: 'hello', protocol: channelProtocol, version: this.#options.version } satisfies Hello),
      );
    });
    socket.on('error', (error) => (problem = error.message));
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#tell(problem || 'the controller closed the channel');
      this.#retry = setTimeout(() => this.#connect(), retryMs);
    });
  }

  /** Empty: connected. */
  #tell(problem: string): void {
    if (problem === this.#told) return;
    this.#told = problem;
    this.#options.onState({ isConnected: problem === '', problem });
  }

  #send(message: FromProxy): void {
    this.#socket?.write(toLine(message));
  }

  #receive(message: Hello | ToProxy): void {
    if (!this.#isGreeted) {
      const { type, protocol, version } = message as Hello;
      if (type !== 'hello' || protocol !== channelProtocol)
        throw new Error(
          `the controller (${version}) speaks another protocol than this proxy (${this.#options.version})`,
        );
      this.#isGreeted = true;
      this.#tell('');
      return;
    }
    switch (message.type) {
      case 'config':
        this.#take(message);
        break;
      case 'endpoints':
        this.#remember(message.endpoints);
        this.channel.publish(this.channel.version, this.#config, message.endpoints);
        break;
      case 'drain':
        this.#options.onDrain(message.graceMs);
        break;
      case 'hello':
        break;
    }
  }

  /** A snapshot replaces everything, but goes to the workers as the difference: what stays the same is not touched. */
  #take({ version, isSnapshot, config, endpoints }: Extract<ToProxy, { type: 'config' }>): void {
    this.#config = isSnapshot ? patchConfig(emptyConfig, config) : deriveConfig(this.#config, config);
    const gone = isSnapshot ? [...this.#endpointKeys].filter((key) => !Object.hasOwn(endpoints, key)) : [];
    const patch = { ...Object.fromEntries(gone.map((key) => [key, null])), ...endpoints };
    this.#remember(patch);
    this.#remoteVersion = version;
    this.channel.publish(this.channel.version + 1, this.#config, patch);
  }

  #remember(patch: EndpointsPatch): void {
    for (const key in patch) {
      if (patch[key] === null) this.#endpointKeys.delete(key);
      else this.#endpointKeys.add(key);
    }
  }
}
