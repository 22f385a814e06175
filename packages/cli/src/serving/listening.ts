import { readFile } from 'node:fs/promises'
import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import type { NbdAddress, NbdPeer, NbdServerTls } from '@holdfast/protocol-nbd'
import { usageError } from '../output.js'

/** Where to listen, and to whom. */
export interface ListeningOptions {
  readonly listen?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsCa?: string
  readonly allow?: readonly string[]
}

/** How a server of disks listens. */
export interface Listening {
  readonly listen: NbdAddress
  readonly tls?: NbdServerTls
  readonly allow?: (peer: NbdPeer) => boolean
}

const maxPemBytes = 2 ** 20

const howToBeSafe =
  'Listen on a unix socket or on 127.0.0.1, or give --tls-cert and --tls-key, and name the clients: --tls-ca or --allow.'

/**
 * Understands where to listen; without a wish, on a socket in the given folder.
 *
 * @throws BackupError `E_USAGE`, also for a network that could read the disks without being asked who it is
 */
export async function listening(options: ListeningOptions, folder: string, cwd: string): Promise<Listening> {
  const listen = options.listen === undefined ? { path: resolve(folder, 'nbd.sock') } : addressOf(options.listen, cwd)
  const tls = await tlsOf(options, cwd)
  const names = options.allow ?? []
  if (names.length > 0 && 'path' in listen)
    throw usageError(
      'A unix socket knows no addresses to allow.',
      'Leave --allow out; the folder of the socket decides.',
    )
  const allow = names.length === 0 ? undefined : clientsOf(names, options.tlsCa !== undefined)
  const hasClients = allow !== undefined || options.tlsCa !== undefined
  if (!isPrivate(listen) && (tls === undefined || !hasClients))
    throw usageError('A network would read these disks without being asked who it is.', howToBeSafe)
  return { listen, ...(tls !== undefined && { tls }), ...(allow !== undefined && { allow }) }
}

function addressOf(text: string, cwd: string): NbdAddress {
  const path = /^unix:(.+)$/s.exec(text)?.[1]
  if (path !== undefined) return { path: resolve(cwd, path) }
  const [, bracketed, plain, digits] = /^tcp:(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port > 65_535)
    throw usageError(`Cannot listen on '${text}'.`, 'Use unix:/path, tcp:127.0.0.1:10809 or tcp:[::1]:10809.')
  return { host, port }
}

/** Only who is on this host gets there. */
function isPrivate(address: NbdAddress): boolean {
  if ('path' in address || address.host === 'localhost') return true
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  return isIn(loopback, address.host)
}

async function tlsOf({ tlsCert, tlsKey, tlsCa }: ListeningOptions, cwd: string): Promise<NbdServerTls | undefined> {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined)
    throw usageError('TLS needs a certificate and its key.', 'Give both --tls-cert and --tls-key.')
  // One after another: of several wrong ones the first is told.
  const cert = await readPem('--tls-cert', tlsCert, cwd)
  const key = await readPem('--tls-key', tlsKey, cwd)
  const ca = tlsCa === undefined ? undefined : await readPem('--tls-ca', tlsCa, cwd)
  return { cert, key, ...(ca !== undefined && { ca }) }
}

async function readPem(option: string, path: string, cwd: string): Promise<string> {
  const text = await readFile(resolve(cwd, path), 'latin1').catch(() => undefined)
  if (text === undefined) throw usageError(`The file of ${option} cannot be read.`, 'Check its name and permissions.')
  if (text.length <= maxPemBytes && text.includes('-----BEGIN ')) return text
  throw usageError(`The file of ${option} is no PEM file.`, 'It starts with a line -----BEGIN …')
}

/** Understands addresses, networks, and fingerprints of certificates; a client must be one of these. */
function clientsOf(names: readonly string[], asksForCertificates: boolean): (peer: NbdPeer) => boolean {
  const addresses = new BlockList()
  const fingerprints = new Set<string>()
  for (const name of names) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(name) ?? []
    const version = isIP(address)
    const most = version === 4 ? 32 : 128
    if (/^([0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(name)) fingerprints.add(name.toUpperCase())
    else if (version !== 0 && Number(bits ?? most) <= most)
      addresses.addSubnet(address, Number(bits ?? most), version === 4 ? 'ipv4' : 'ipv6')
    else
      throw usageError(
        `Cannot allow '${name}'.`,
        'Name an IP address, a network such as 10.1.0.0/16, or the SHA-256 fingerprint of a certificate.',
      )
  }
  if (fingerprints.size > 0 && !asksForCertificates)
    throw usageError('Clients are asked for no certificate.', 'A fingerprint in --allow needs --tls-ca.')
  return ({ address, fingerprint256 }) =>
    (address !== undefined && isIn(addresses, address)) ||
    (fingerprint256 !== undefined && fingerprints.has(fingerprint256.toUpperCase()))
}

function isIn(list: BlockList, text: string): boolean {
  // As a socket for both protocols shows an IPv4 client.
  const address = text.replace(/^::ffff:(?=\d+\.)/i, '')
  const version = isIP(address)
  return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
}
