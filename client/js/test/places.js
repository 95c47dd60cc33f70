// Real places for the tests: a tree that `waybook up` starts in a folder of its own.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Waybook } from '../src/index.js';

/** Where the demo's clients are. */
export const LAB = 'core/bologna/lab';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const command = process.env.WAYBOOK ?? join(repository, 'target/debug/waybook');

/** The places of the demo, with its film and the components that this needs. */
export class Tree {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
    /** @type {import('node:child_process').ChildProcess[]} */
    this.started = [];
  }

  static async up() {
    await access(command).catch(() => {
      assert.fail(`${command} is missing: \`cargo build\` makes it, or WAYBOOK says where it is`);
    });
    const tree = new Tree(await mkdtemp(join(tmpdir(), 'waybook-js-')));
    try {
      await tree.run('component', 'keygen', 'publisher.pem');
      await tree.run('up', join(repository, 'configs/demo/topology.toml'), '--trust', 'publisher.pem');
      for (const name of ['cap-quality', 'watermark']) {
        const folder = join(repository, 'components', name);
        await tree.run('component', 'add', folder, '--at', 'core', '--key', 'publisher.pem');
      }
      await tree.run('publish', join(repository, 'configs/demo/film.toml'));
    } catch (error) {
      await tree.down();
      throw error;
    }
    return tree;
  }

  async down() {
    await this.run('down');
    for (const child of this.started) child.kill('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  /**
   * The command, with nothing of this process's settings.
   * @param {string[]} args
   */
  async run(...args) {
    const { stdout } = await promisify(execFile)(command, args, { cwd: this.folder, env: environment() });
    return stdout;
  }

  /**
   * What the places are, by `waybook up`.
   * @param {string} name
   * @returns {Promise<{ data: string, config: string, pid: number }>}
   */
  async placed(name) {
    const { places } = JSON.parse(await readFile(join(this.folder, '.waybook/up.json'), 'utf8'));
    return places.find((/** @type {{ name: string }} */ place) => place.name === name);
  }

  /** @param {string} name */
  async address(name) {
    const { data } = await this.placed(name);
    const { api } = JSON.parse(await readFile(join(data, 'runtime.json'), 'utf8'));
    const token = (await readFile(join(data, 'token'), 'utf8')).trim();
    return { api: /** @type {string} */ (api), token };
  }

  /**
   * @param {string} name
   * @param {import('../src/index.js').Settings} [settings]
   */
  async client(name, settings) {
    const { api, token } = await this.address(name);
    return new Waybook(`http://${api}`, token, settings);
  }

  /**
   * Changes a place's configuration, as its operator does, and has it read again.
   * @param {string} name
   * @param {string} was
   * @param {string} is
   */
  async change(name, was, is) {
    const { config } = await this.placed(name);
    const text = await readFile(config, 'utf8');
    assert.ok(text.includes(was), text);
    await writeFile(config, text.replace(was, is));
    await this.run('place', 'reload', name);
  }

  /**
   * Kills a place, and returns when it is gone.
   * @param {string} name
   */
  async kill(name) {
    const { pid } = await this.placed(name);
    process.kill(pid, 'SIGKILL');
    await until(`${name} is gone`, async () => {
      try {
        process.kill(pid, 0);
      } catch {
        return true;
      }
      // What nobody waits for stays as a zombie.
      return /^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: Z'));
    });
  }

  /**
   * Starts a place again, with its control API where it was.
   * @param {string} name
   * @param {string} api
   */
  async start(name, api) {
    const { config } = await this.placed(name);
    const args = ['place', 'run', '--config', config, '--set', `api.listen=${api}`];
    this.started.push(spawn(command, args, { cwd: this.folder, env: environment(), stdio: 'ignore' }));
  }
}

function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('WAYBOOK') && name !== 'XDG_STATE_HOME');
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/**
 * Looks until something is so; not for ever.
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} look
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, look) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `${what}: not within a minute`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
