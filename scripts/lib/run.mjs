import { spawn, spawnSync } from 'node:child_process'
import { root } from './workspace.mjs'

/**
 * Runs a program to its end with its output shown, and leaves with its exit code when it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function runOrExit(command, args, env = process.env) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (error !== undefined) {
    console.error(`${command} could not be started: ${error.message}`)
    process.exit(1)
  }
  if (status !== 0) {
    if (signal !== null) console.error(`${command} was ended by ${signal}`)
    process.exit(status ?? 1)
  }
}

/**
 * Runs a program to its end and returns what it printed.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function capture(command, args, { cwd = root, env = process.env, timeoutMs = 30 * 60_000 } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      output += data
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      done({ ok: false, output: `${output}${command} could not be started: ${error.message}\n` })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const ending = signal === null ? '' : `${command} was ended by ${signal}\n`
      done({ ok: code === 0, output: output + ending })
    })
  })
}
