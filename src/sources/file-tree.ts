/** Which files there are below the given paths, and a word whenever one may have changed. Reads no contents. */
import { readdirSync, readlinkSync, realpathSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { foldersOf, kustomizationIn } from './kustomize.ts';
import type { SourceProblem } from './source.ts';
import { type FolderWatch, pollMs, watchByLooking, type WatchFolder } from './watch-folder.ts';

export class FileTree {
  readonly #roots: readonly string[];
  readonly #onChange: (file: string) => void;
  readonly #watchFolder: WatchFolder;
  readonly #files = new Set<string>();
  /** Folders that are searched for files, and folders that only hold what a link points to or a given path. */
  readonly #watchers = new Map<string, FolderWatch>();
  readonly #folders = new Set<string>();
  /** What to look at when something happens in a folder, whatever it is. */
  readonly #dependants = new Map<string, Set<string>>();
  /** The folders that each kustomization reads, by its file. */
  readonly #kustomizations = new Map<string, ReadonlySet<string>>();
  readonly #problems = new Map<string, SourceProblem>();

  constructor(roots: readonly string[], onChange: (file: string) => void, watchFolder: WatchFolder) {
    this.#roots = roots;
    this.#onChange = onChange;
    this.#watchFolder = watchFolder;
  }

  get files(): readonly string[] {
    return [...this.#files];
  }

  start(): void {
    for (const root of this.#roots) {
      this.#depend(dirname(root), root);
      this.#look(root, 'Given');
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** What differs whenever the file was written or replaced; undefined where there is none any more. */
  stampOf(file: string): string | undefined {
    const folders = this.#kustomizations.get(file);
    if (!folders) return this.#files.has(file) ? stampOf(file) : undefined;
    const files = [...folders].flatMap((folder) => {
      const names = namesIn(folder);
      return names instanceof Error ? [] : names.map((name) => join(folder, name));
    });
    return files.map(stampOf).join();
  }

  /** Whether the file stands for a folder that is to be built. */
  isKustomization(file: string): boolean {
    return this.#kustomizations.has(file);
  }

  problems(): Iterable<SourceProblem> {
    return this.#problems.values();
  }

  /** Finds out what a path is now. */
  #look(path: string, origin: 'Given' | 'Found'): void {
    const stat = statOf(path);
    const kustomization = origin === 'Given' ? this.#kustomizationOf(path) : undefined;
    const isFolder = !(stat instanceof Error) && stat?.isDirectory() === true;
    // Of folders it is told where their names are read.
    if (!isFolder || kustomization !== undefined) this.#noteReadable(path, stat);
    if (stat instanceof Error) {
      // It is there, so what it held is not gone.
      if (this.#files.has(path)) this.#onChange(path);
    } else if (isFolder) {
      this.#forgetFile(path);
      if (kustomization === undefined) this.#scan(path);
      else this.#addKustomization(path, kustomization);
    } else if (stat?.isFile()) {
      if (origin === 'Given' || isManifest(path)) this.#addFile(path);
    } else {
      this.#forgetFile(path);
      this.#forgetFolder(path);
      // A link may lead to what comes later.
      this.#followLink(path);
    }
    if (origin === 'Given') this.#noteMissing(path, stat !== undefined);
  }

  #scan(folder: string): void {
    this.#folders.add(folder);
    // What may not be read could not be watched either.
    if (this.#problems.has(`read ${folder}`)) this.#unwatch(folder);
    // Watched before it is read, so that nothing falls between.
    this.#watch(folder);
    this.#followLink(folder);
    const names = namesIn(folder);
    this.#noteReadable(folder, names);
    if (names instanceof Error) return;
    for (const name of names) if (!isIgnored(name)) this.#look(join(folder, name), 'Found');
  }

  /** By what a given folder is built now. */
  #kustomizationOf(folder: string): string | undefined {
    const before = [...this.#kustomizations.keys()].find((file) => dirname(file) === folder);
    // Also where it may not be looked at.
    if (before !== undefined && statOf(before) !== undefined) return before;
    if (before !== undefined) {
      this.#kustomizations.delete(before);
      this.#forgetFile(before);
    }
    return kustomizationIn(folder);
  }

  /** One file stands for all that is built from the folder. */
  #addKustomization(folder: string, file: string): void {
    // While there was no kustomization, its files were read as they are.
    this.#forgetFolder(folder);
    const folders = foldersOf(folder);
    this.#kustomizations.set(file, folders);
    for (const inner of folders) this.#depend(inner, folder);
    this.#addFile(file);
  }

  #addFile(file: string): void {
    this.#files.add(file);
    this.#followLink(file);
    this.#onChange(file);
  }

  #forgetFile(file: string): void {
    if (this.#files.delete(file)) this.#onChange(file);
  }

  #forgetFolder(folder: string): void {
    if (!this.#folders.delete(folder)) return;
    const inside = startInside(folder);
    for (const [key, { file }] of this.#problems) {
      if (key !== file && (file === folder || file.startsWith(inside))) this.#problems.delete(key);
    }
    this.#onChange(folder);
    for (const file of this.#files) if (file.startsWith(inside)) this.#forgetFile(file);
    for (const inner of this.#folders) if (inner.startsWith(inside)) this.#forgetFolder(inner);
    this.#unwatch(folder);
  }

  /** What a link points to may change where it is. */
  #followLink(path: string): void {
    const target = realPathOf(path);
    if (target !== undefined && dirname(target) !== realPathOf(dirname(path))) this.#depend(dirname(target), path);
  }

  #depend(folder: string, path: string): void {
    const dependants = this.#dependants.get(folder) ?? new Set();
    this.#dependants.set(folder, dependants.add(path));
    this.#watch(folder);
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    const events = {
      onChange: (name: string | null) => this.#happened(folder, name),
      onEnd: () => this.#unwatch(folder),
    };
    try {
      this.#watchers.set(folder, this.#watchFolder(folder, events));
      this.#problems.delete(`watch ${folder}`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Others are seen to come from where they lie.
      if (code === 'ENOENT' && !this.#dependants.has(folder)) return;
      this.#watchers.set(folder, watchByLooking(folder, events));
      // Said where it is read.
      if (code === 'ENOENT' || code === 'EACCES' || code === 'ELOOP') return;
      this.#problems.set(`watch ${folder}`, cannotWatch(folder, error as NodeJS.ErrnoException));
    }
  }

  #unwatch(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #happened(folder: string, name: string | null): void {
    // It may be the folder itself: then what is watched was moved away, or is no more; or is there at last.
    if (name === null || name === basename(folder)) {
      this.#unwatch(folder);
      this.#watch(folder);
    }
    for (const path of this.#dependants.get(folder) ?? []) {
      // In a folder that is only watched for a path, other names say nothing.
      if (name === null || dirname(path) !== folder || basename(path) === name)
        this.#look(path, originOf(path, this.#roots));
    }
    if (!this.#folders.has(folder)) return;
    if (name === null || name === basename(folder) || name.startsWith('..')) this.#rescan(folder);
    else if (!isIgnored(name)) this.#look(join(folder, name), 'Found');
  }

  /** After a change of which it is not known what it touched: a ConfigMap volume swaps all files at once, by one link. */
  #rescan(folder: string): void {
    const inside = startInside(folder);
    for (const file of this.#files) if (file.startsWith(inside)) this.#look(file, originOf(file, this.#roots));
    const stat = statOf(folder);
    if (stat instanceof Error) this.#noteReadable(folder, stat);
    else if (stat?.isDirectory()) this.#scan(folder);
    else this.#forgetFolder(folder);
  }

  /** Given what the system said when the path was looked at. */
  #noteReadable(path: string, found: unknown): void {
    const key = `read ${path}`;
    const hadProblem = this.#problems.delete(key);
    if (found instanceof Error)
      this.#problems.set(key, { severity: 'error', file: path, message: unreadableText(found) });
    else if (!hadProblem) return;
    this.#onChange(path);
  }

  #noteMissing(path: string, isThere: boolean): void {
    if (isThere) this.#problems.delete(path);
    else this.#problems.set(path, missing(path));
    this.#onChange(path);
  }
}

function missing(file: string): SourceProblem {
  return { severity: 'error', file, message: 'no such file or folder', isMissing: true };
}

/** Why a file or folder that is there cannot be read. */
export function unreadableText({ code, message }: NodeJS.ErrnoException): string {
  return `cannot be read: ${code === 'EACCES' ? 'this user has no permission to' : message}`;
}

function stampOf(file: string): string | undefined {
  const stat = statOf(file);
  if (stat instanceof Error) return String(stat.code);
  return stat?.isFile() ? `${stat.mtimeMs} ${stat.ctimeMs} ${stat.size} ${stat.ino}` : undefined;
}

function originOf(path: string, roots: readonly string[]): 'Given' | 'Found' {
  return roots.includes(path) ? 'Given' : 'Found';
}

/** Hidden files, and what editors leave while they write: `.#a.yaml`, `a.yaml~`, `.a.yaml.swp`, `4913` (vim's probe). */
function isIgnored(name: string): boolean {
  return name.startsWith('.') || name.endsWith('~') || /\.sw[a-z]$/.test(name) || name === 'node_modules';
}

function isManifest(path: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(path);
}

/** None where the folder is not there; an error where it is and may not be read. */
function namesIn(folder: string): string[] | NodeJS.ErrnoException {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? [] : (error as NodeJS.ErrnoException);
  }
}

/** How the paths of what lies in a folder begin, as `join` makes them. */
function startInside(folder: string): string {
  return join(folder, '*').slice(0, -1);
}

/** Undefined where there is nothing; an error where that cannot be told. */
function statOf(path: string): Stats | NodeJS.ErrnoException | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

/** Of a link that leads nowhere: what it names. */
function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return linkedPathOf(path);
  }
}

function linkedPathOf(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}

function cannotWatch(folder: string, error: NodeJS.ErrnoException): SourceProblem {
  const advice =
    error.code === 'ENOSPC' || error.code === 'EMFILE'
      ? ': the system allows no more watches (on Linux raise fs.inotify.max_user_watches and max_user_instances)'
      : `: ${error.message}`;
  return {
    severity: 'warning',
    file: folder,
    message: `is looked at every ${pollMs} ms, because it cannot be watched${advice}`,
  };
}
