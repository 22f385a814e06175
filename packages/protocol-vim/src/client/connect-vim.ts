import { setTimeout as sleep } from 'node:timers/promises'
import { isVimError, VimError } from '../vim-error.js'
import { parseXml } from '../wire/xml-element.js'
import { chooseVersion, versionFor, versionsPath } from './api-version.js'
import type { CallOptions } from './call-options.js'
import { cookieJar } from './cookie-jar.js'
import { type HttpChannel, httpChannel, type ServerAddress, textOf } from './http-channel.js'
import { readServiceContent, serviceInstance } from './service-content.js'
import { isLoggedOut, type SoapCall, soapCall } from './soap-channel.js'
import type { VimSession } from './vim-session.js'

/** Who logs in. */
export interface VimLogin {
  readonly user: string
  /** Asked for anew at each login, so that it can be kept elsewhere. */
  readonly password: string | (() => string | Promise<string>)
}

/** How to connect, and how the session behaves. */
export interface ConnectVimOptions extends CallOptions {
  /** How long the server may be silent within a call or a transfer. @defaultValue 120000 */
  readonly timeoutMs?: number | undefined
  /** How long a call that may be repeated is tried while the server cannot be reached, such as when it restarts. @defaultValue 300000 */
  readonly patienceMs?: number | undefined
  /** After so long without a call the server is asked for its time, so that it does not end the session. @defaultValue 300000 */
  readonly keepAliveMs?: number | undefined
  /** Most connections at a time. @defaultValue 16 */
  readonly connections?: number | undefined
  /** Longest answer that is taken. @defaultValue 67108864 (64 MiB) */
  readonly maxAnswerBytes?: number | undefined
}

/**
 * Connects to a vCenter or a host, agrees on the version of the API, and logs in (vSphere Web Services API, `SessionManager`).
 *
 * Guarantee: when this throws, all connections are closed. Nothing is sent before the server has proved who it is
 * (`connect-vim.test.ts`).
 *
 * @throws VimError `connect`, `certificate`, `login`, `version`, `closed`, `timeout`, `aborted`, `http`, `protocol`
 */
export async function connectVim(
  address: ServerAddress,
  login: VimLogin,
  options: ConnectVimOptions = {},
): Promise<VimSession> {
  const http = httpChannel(address, options.connections ?? 16)
  try {
    return await openSession(http, login, options)
  } catch (error) {
    http[Symbol.dispose]()
    throw error
  }
}

async function openSession(http: HttpChannel, login: VimLogin, options: ConnectVimOptions): Promise<VimSession> {
  const { timeoutMs = 120_000, patienceMs = 300_000, keepAliveMs = 300_000, maxAnswerBytes = 2 ** 26 } = options
  const first: CallOptions = { signal: options.signal, timeoutMs }
  const cookies = cookieJar()
  const offered = await offeredVersion(http, first)
  let version = offered ?? '6.5'
  const soap = soapCall({ http, cookies, version: () => version, maxAnswerBytes })
  const content = readServiceContent((await soap(serviceInstance, 'RetrieveServiceContent', {}, first))[0])
  version = offered ?? versionFor(content.about.apiVersion)

  let logins = 0
  let loggingIn: Promise<void> | undefined
  const logIn = async (call: CallOptions): Promise<void> => {
    const password = typeof login.password === 'string' ? login.password : await login.password()
    cookies.clear()
    await soap(content.sessionManager, 'Login', { userName: login.user, password }, call)
    logins += 1
  }
  /** Whoever finds the session expired waits for the one login that follows. */
  const logInAgain = async (since: number): Promise<void> => {
    if (logins !== since) return
    // Without anybody's signal: others wait for it too.
    loggingIn ??= logIn({ timeoutMs }).finally(() => {
      loggingIn = undefined
    })
    await loggingIn
  }
  await logIn(first)

  const once: SoapCall = async (self, method, args, call) => {
    const since = logins
    try {
      return await soap(self, method, args, call)
    } catch (error) {
      if (!isLoggedOut(error)) throw error
      await logInAgain(since)
      return await soap(self, method, args, call)
    }
  }
  const idle = setInterval(() => {
    // One that fails is told to whoever calls next.
    once(serviceInstance, 'CurrentTime', {}, { timeoutMs }).catch(() => undefined)
  }, keepAliveMs)
  idle.unref()

  return {
    address: http.address,
    content,
    version,
    logins: () => logins,
    call: async (self, method, args = {}, { isRepeatable = false, ...call } = {}) => {
      idle.refresh()
      const work = () => once(self, method, args, { timeoutMs, ...call })
      return isRepeatable ? await repeated(work, patienceMs, call.signal) : await work()
    },
    send: async (request, call = {}) => {
      const since = logins
      const sent = () =>
        http.send({ ...request, headers: { ...request.headers, ...cookies.header() } }, { timeoutMs, ...call })
      const answer = await sent()
      if (answer.status !== 401 || typeof request.body === 'object') return answer
      answer[Symbol.dispose]()
      await logInAgain(since)
      return await sent()
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(idle)
      try {
        await soap(content.sessionManager, 'Logout', {}, { timeoutMs: Math.min(timeoutMs, 10_000) })
      } catch {
        // It ends by itself where nobody uses it.
      }
      http[Symbol.dispose]()
    },
  }
}

async function offeredVersion(http: HttpChannel, call: CallOptions): Promise<string | undefined> {
  using answer = await http.send({ method: 'GET', path: versionsPath }, call)
  if (answer.status !== 200) return undefined
  return chooseVersion(parseXml(await textOf(answer, 2 ** 20)))
}

const shortestPauseMs = 200
const longestPauseMs = 5000

/** Tries again what the connection failed, until the patience is at its end. */
async function repeated<T>(work: () => Promise<T>, patienceMs: number, signal: AbortSignal | undefined): Promise<T> {
  const until = Date.now() + patienceMs
  for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      if (!isVimError(error) || !error.isTransient || Date.now() + pauseMs > until) throw error
    }
    await pause(pauseMs, signal)
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (cause) {
    throw new VimError('aborted', 'The server was no longer waited for: the call was aborted.', { cause })
  }
}
