// Restores machines from a Holdfast repository with nothing but Node.js 22.18 (or newer) and this one file.
//
//   node restore.mjs list                                  every recovery point
//   node restore.mjs restore <point | machine@latest> DIR  writes DIR/<machine>/<disk>.raw, sparse
//   node restore.mjs check                                 reads and proves everything, lists all damage
//
//   --repo DIR              the repository; else the folder this script is in. May be given more than once, and a DIR
//                           may also hold parts of it in sub-folders, as when every tape was unpacked into its own.
//   --passphrase-file FILE  else the environment variable HOLDFAST_PASSPHRASE is the passphrase.
//
// It reads data written with the transforms 'zstd' and 'aes-gcm', or none. It writes only below DIR, never into the
// repository. Names in quotes are sections of the format's specification (docs/spec/repository.md). All integers are
// unsigned and little-endian. Nothing read is trusted: lengths are checked before they are used, and no byte is
// written whose chunk was not hashed again. Memory: about 60 bytes a chunk of the index (a TB of disks has some ten
// million chunks), and a few decoded frames of 4 MiB.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import * as zlib from 'node:zlib'

const regionBytes = 4 * 2 ** 20
const maxFrameChunks = 2048
const maxPlainFrameBytes = regionBytes + 4 + maxFrameChunks * 36
const maxFrameBytes = 12 + maxPlainFrameBytes + 32768
const cachedFrames = 8
const zeroId = Buffer.alloc(32)

const damage = (object, what) => new Error(`${object} is damaged: ${what}.`)
const say = (line) => process.stdout.write(`${line}\n`)
const warn = (line) => process.stderr.write(`${line}\n`)
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash('sha256')).digest()
const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32))

// ---- "Objects": files by name, in one folder or in several that each hold a part -----------------------------------

const layout = ['keys', 'packs', 'index', 'points']

function openFolders(given) {
  const subfolders = (folder) =>
    fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !layout.includes(entry.name))
      .map((entry) => join(folder, entry.name))
  const holdsParts = (folder) => [...layout, 'holdfast.json'].some((name) => fs.existsSync(join(folder, name)))
  return given.flatMap((folder) => [folder, ...subfolders(folder).filter(holdsParts)])
}

/** Names of all objects below a prefix, sorted. */
function listObjects(repo, prefix) {
  const found = new Set()
  const walk = (root, key) => {
    for (const entry of fs.readdirSync(join(root, key), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory()) walk(root, `${key}/${entry.name}`)
      else if (entry.isFile()) found.add(`${key}/${entry.name}`)
    }
  }
  for (const root of repo.folders) if (fs.existsSync(join(root, prefix))) walk(root, prefix)
  return [...found].sort()
}

/** Lets `use` read an object. When a copy of it fails, the next folder that has one is tried. */
function readObject(repo, key, use) {
  let failure
  for (const path of repo.folders.map((folder) => join(folder, key))) {
    if (!fs.existsSync(path)) continue
    const file = fs.openSync(path, 'r')
    try {
      return use(file, fs.fstatSync(file).size)
    } catch (error) {
      failure ??= error
    } finally {
      fs.closeSync(file)
    }
  }
  throw failure ?? damage(key, 'it is missing')
}

function readAt(key, file, offset, length) {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const count = fs.readSync(file, bytes, done, length - done, offset + done)
    if (count === 0) throw damage(key, `it ends at byte ${offset + done}`)
    done += count
  }
  return bytes
}

function readWhole(repo, key, maxBytes, parse) {
  return readObject(repo, key, (file, size) => {
    if (size > maxBytes) throw damage(key, `it has ${size} bytes, more than the ${maxBytes} that it may have`)
    return parse(readAt(key, file, 0, size))
  })
}

function parseJson(object, bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw damage(object, `it is not JSON (${error.message})`)
  }
}

/** Checks the member `digest` of an object in JSON and returns the others. */
function withoutDigest(key, bytes) {
  const { digest, ...rest } = parseJson(key, bytes) ?? {}
  if (digest !== sha256(JSON.stringify(rest)).toString('hex')) throw damage(key, 'its digest does not fit its content')
  return rest
}

// ---- "Description" -------------------------------------------------------------------------------------------------

const descriptionKeys = ['holdfast.json', 'holdfast-copy.json']

function parseDescription(key, bytes) {
  const description = withoutDigest(key, bytes)
  if (description.format !== 'holdfast-repository') throw damage(key, 'it describes no Holdfast repository')
  if (description.version !== 1) throw new Error(`This script reads format 1, the repository has ${description.version}.`)
  const hash = description.encrypted === true ? 'hmac-sha-256' : 'sha-256'
  const fits = /^[0-9a-f]{32}$/.test(description.id) && description.chunkHash === hash
  if (!fits) throw damage(key, 'its id or its chunk hash is not one that there may be')
  return description
}

function readDescription(repo) {
  const [first, twin] = descriptionKeys
  try {
    return readWhole(repo, first, 65536, (bytes) => parseDescription(first, bytes))
  } catch (error) {
    if (!descriptionKeys.some((key) => repo.folders.some((folder) => fs.existsSync(join(folder, key))))) {
      throw new Error(`There is no Holdfast repository in ${repo.folders[0]}: it has no holdfast.json.`)
    }
    warn(`warning: ${error.message} Its twin is used.`)
    return readWhole(repo, twin, 65536, (bytes) => parseDescription(twin, bytes))
  }
}

// ---- "Keys": passphrase → slot key pair → master key → bundle of data keys and the id key --------------------------

const gcmOpen = (key, nonce, associated, sealed) => {
  const cipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  cipher.setAAD(associated)
  cipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()])
}

function slotKeyPair({ name, N, r, p, salt }, passphrase) {
  if (name !== 'scrypt' || !(N > 1 && r > 0 && p > 0 && p <= 16 && 128 * N * r <= 2 ** 30)) throw new Error('scrypt parameters')
  const options = { N, r, p, maxmem: 128 * N * r + 2 ** 25 }
  const seed = crypto.scryptSync(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), 32, options)
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), seed])
  const privateKey = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = crypto.createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { privateKey, publicKey: publicKey.toString('base64') }
}

function unwrapMaster(slot, wrap, privateKey) {
  const ephemeral = Buffer.from(wrap.ephemeral, 'base64')
  const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), ephemeral])
  const publicKey = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' })
  const key = hkdf(crypto.diffieHellman({ privateKey, publicKey }), ephemeral, 'holdfast slot')
  return gcmOpen(key, Buffer.alloc(12), Buffer.from(slot.id), Buffer.from(wrap.ciphertext, 'base64'))
}

function parseKeyObject(repo, key, bytes) {
  const file = withoutDigest(key, bytes)
  const named = key === `keys/${file.id}` || key === `keys/${file.id}-copy`
  if (file.format !== 1 || file.repository !== repo.id || !named) throw damage(key, 'it is no key object of this name and repository')
  if (!Array.isArray(file.slots) || !Array.isArray(file.wraps)) throw damage(key, 'it has no slots')
  return file
}

/** The bundle of a key object, or `undefined` when the passphrase opens none of its slots. */
function openBundle(file, passphrase) {
  for (const slot of file.slots) {
    const wrap = file.wraps.find((candidate) => candidate.slot === slot.id)
    if (wrap === undefined) continue
    try {
      const { privateKey, publicKey } = slotKeyPair(slot.kdf, passphrase)
      if (publicKey !== slot.publicKey) continue
      const master = unwrapMaster(slot, wrap, privateKey)
      const { bundle, ...head } = file
      const sealed = Buffer.from(bundle, 'base64')
      return JSON.parse(gcmOpen(master, Buffer.alloc(12), Buffer.from(JSON.stringify(head)), sealed).toString('utf8'))
    } catch (error) {
      throw damage(`keys/${file.id}`, `slot ${slot.id} does not open (${error.message})`)
    }
  }
  return undefined
}

/** Opens every key object that the passphrase opens; the newest has the id key, each may have further data keys. */
function openKeys(repo, passphrase) {
  const files = new Map()
  for (const key of listObjects(repo, 'keys')) {
    attempt(() => {
      const file = readWhole(repo, key, 2 ** 20, (bytes) => parseKeyObject(repo, key, bytes))
      files.set(file.id, file)
    })
  }
  if (files.size === 0) throw damage('keys/', 'the repository is encrypted, but no key object can be read')
  if (passphrase === undefined) throw new Error('The repository is encrypted: put the passphrase into HOLDFAST_PASSPHRASE.')
  const byGeneration = [...files.values()].sort((a, b) => b.generation - a.generation)
  const bundles = byGeneration.map((file) => attempt(() => openBundle(file, passphrase))).filter((bundle) => bundle !== undefined)
  if (bundles.length === 0) throw new Error('The passphrase opens none of the key slots of this repository.')
  const dataKeys = new Map()
  for (const { id, key } of bundles.flatMap((bundle) => bundle.dataKeys)) {
    dataKeys.set(Buffer.from(id, 'base64').toString('hex'), Buffer.from(key, 'base64'))
  }
  return { idKey: Buffer.from(bundles[0].idKey, 'base64'), dataKeys }
}

/** Does something that may fail without stopping the rest: the failure is reported and counted. */
function attempt(action) {
  try {
    return action()
  } catch (error) {
    warn(`warning: ${error.message}`)
    failures.count++
    return undefined
  }
}

const failures = { count: 0 }

// ---- "Envelope": small objects, sealed with a data key, or with a digest in a repository without keys --------------

function openEnvelope(repo, name, bytes) {
  if (bytes.length < 8 || bytes.toString('latin1', 0, 4) !== 'HFOB') throw damage(name, 'it does not begin as a Holdfast object')
  if (bytes[4] !== 1 || bytes[5] !== (repo.keys === undefined ? 0 : 1)) throw damage(name, 'its version or its protection is not the expected one')
  const bound = (header) => Buffer.concat([Buffer.from(`${repo.id}/${name}\n`), header])
  if (repo.keys === undefined) {
    const payload = bytes.subarray(40)
    const digest = sha256(bound(bytes.subarray(0, 8)), payload)
    if (!digest.equals(bytes.subarray(8, 40))) throw damage(name, 'its digest does not fit its content and name')
    return payload
  }
  if (bytes.length < 48) throw damage(name, 'it is truncated')
  const dataKey = dataKeyOf(repo, name, bytes.subarray(8, 16))
  const key = hkdf(dataKey, bytes.subarray(16, 32), 'holdfast object')
  try {
    return gcmOpen(key, Buffer.alloc(12), bound(bytes.subarray(0, 32)), bytes.subarray(32))
  } catch {
    throw damage(name, 'it does not authenticate')
  }
}

function dataKeyOf(repo, name, id) {
  const key = repo.keys?.dataKeys.get(id.toString('hex'))
  if (key === undefined) throw damage(name, 'it names a data key that these key objects do not hold')
  return key
}

// ---- "Packs": header, frames, sealed footer, trailer ----------------------------------------------------------------

const packKey = (id) => `packs/${id.slice(0, 2)}/${id}`

/** Reads a pack's footer: how its frames are encoded, and every chunk in it. */
function readFooter(repo, key, file, size) {
  const id = key.slice(-32)
  if (size < 80 || size > 2 ** 32) throw damage(key, `it has ${size} bytes`)
  const header = readAt(key, file, 0, 64)
  const trailer = readAt(key, file, size - 16, 16)
  if (header.toString('latin1', 0, 4) !== 'HFPK' || header[4] !== 1) throw damage(key, 'it does not begin as a pack of version 1')
  if (header.toString('hex', 8, 24) !== id || header.toString('hex', 24, 40) !== repo.id) throw damage(key, 'it is another pack, or of another repository')
  if (trailer.toString('latin1', 4) !== '\0\0\0\0\0\0\0\0HFPE') throw damage(key, 'it does not end as a pack')
  const footerBytes = trailer.readUInt32LE(0)
  const framesEnd = size - 16 - footerBytes
  if (footerBytes > 2 ** 26 || framesEnd < 64) throw damage(key, 'its footer is said to be larger than it may be')
  const payload = openEnvelope(repo, key, readAt(key, file, framesEnd, footerBytes))
  if (payload.length < 72 || !payload.subarray(0, 64).equals(header)) throw damage(key, 'its header and its footer disagree')
  const chainBytes = payload.readUInt32LE(64)
  if (72 + chainBytes > payload.length) throw damage(key, 'its footer is shorter than it says')
  const chain = parseJson(key, payload.subarray(68, 68 + chainBytes))
  const first = 72 + chainBytes
  const count = payload.readUInt32LE(first - 4)
  if (first + count * 48 !== payload.length) throw damage(key, 'its footer is not as long as it says')
  const chunks = []
  for (let at = first; at < payload.length; at += 48) {
    const [frameOffset, frameBytes, plainOffset, plainBytes] = [32, 36, 40, 44].map((field) => payload.readUInt32LE(at + field))
    if (frameOffset < 64 || frameOffset + frameBytes > framesEnd) throw damage(key, 'its footer lists a frame outside of it')
    chunks.push({ id: payload.subarray(at, at + 32), frameOffset, frameBytes, plainOffset, plainBytes })
  }
  return { pack: { id, dataKeyId: header.subarray(40, 48), chain }, chunks, framesEnd }
}

// ---- "Index": where each chunk is. Records of 52 bytes as stored, found through a hash table ------------------------

function emptyIndex() {
  return { packs: [], numbers: new Map(), records: Buffer.alloc(52 * 1024), slots: new Uint32Array(4096), count: 0, complete: false }
}

function addPack(index, pack) {
  const known = index.numbers.get(pack.id)
  if (known !== undefined) return known
  index.numbers.set(pack.id, index.packs.length)
  return index.packs.push(pack) - 1
}

/** Adds a record unless it is in. A chunk that is stored twice has two records. */
function addRecord(index, record) {
  if (index.count * 2 >= index.slots.length) {
    index.slots = new Uint32Array(index.slots.length * 2)
    for (let number = 0; number < index.count; number++) enter(index, number)
  }
  if ((index.count + 1) * 52 > index.records.length) index.records = Buffer.concat([index.records, Buffer.alloc(index.records.length)])
  record.copy(index.records, index.count * 52)
  if (enter(index, index.count)) index.count++
}

/** Slots hold record numbers plus one. */
function enter({ slots, records }, number) {
  let slot = records.readUInt32LE(number * 52) & (slots.length - 1)
  for (; slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
    const other = (slots[slot] - 1) * 52
    if (records.compare(records, other, other + 44, number * 52, number * 52 + 44) === 0) return false
  }
  slots[slot] = number + 1
  return true
}

function* placesOf({ slots, records, packs }, id) {
  for (let slot = id.readUInt32LE(0) & (slots.length - 1); slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
    const at = (slots[slot] - 1) * 52
    if (records.compare(id, 0, 32, at, at + 32) !== 0) continue
    const [pack, frameOffset, frameBytes, plainOffset, plainBytes] = [32, 36, 40, 44, 48].map((field) => records.readUInt32LE(at + field))
    yield { pack: packs[pack], frameOffset, frameBytes, plainOffset, plainBytes }
  }
}

function addIndexObject(repo, key, bytes) {
  const payload = openEnvelope(repo, key, bytes)
  if (payload.length < 12) throw damage(key, 'it is truncated')
  const [chainBytes, packCount, recordCount] = [0, 4, 8].map((at) => payload.readUInt32LE(at))
  const packsAt = 12 + chainBytes
  const recordsAt = packsAt + packCount * 32
  if (recordsAt + recordCount * 52 !== payload.length) throw damage(key, 'it is not as long as it says')
  const chains = parseJson(key, payload.subarray(12, packsAt))
  const numbers = []
  for (let at = packsAt; at < recordsAt; at += 32) {
    const chain = chains[payload.readUInt16LE(at + 30)]
    numbers.push(addPack(repo.index, { id: payload.toString('hex', at, at + 16), dataKeyId: Buffer.from(payload.subarray(at + 16, at + 24)), chain }))
  }
  for (let at = recordsAt; at < payload.length; at += 52) {
    const number = numbers[payload.readUInt32LE(at + 32)]
    if (number === undefined) throw damage(key, 'a record names a pack that is not listed')
    payload.writeUInt32LE(number, at + 32)
    addRecord(repo.index, payload.subarray(at, at + 52))
  }
}

function loadIndex(repo) {
  for (const key of listObjects(repo, 'index')) attempt(() => readWhole(repo, key, 2 ** 28, (bytes) => addIndexObject(repo, key, bytes)))
}

function addFooter(repo, { pack, chunks }) {
  const number = addPack(repo.index, pack)
  const record = Buffer.alloc(52)
  for (const { id, frameOffset, frameBytes, plainOffset, plainBytes } of chunks) {
    id.copy(record)
    ;[number, frameOffset, frameBytes, plainOffset, plainBytes].forEach((value, i) => record.writeUInt32LE(value, 32 + i * 4))
    addRecord(repo.index, record)
  }
}

/** Places of a chunk. When the index does not know it, the footers of all packs are read, once. */
function findChunk(repo, id) {
  const found = [...placesOf(repo.index, id)]
  if (found.length > 0 || repo.index.complete) return found
  warn('The index is not complete: reading the footers of all packs …')
  repo.index.complete = true
  for (const key of listObjects(repo, 'packs')) attempt(() => addFooter(repo, readObject(repo, key, (file, size) => readFooter(repo, key, file, size))))
  return [...placesOf(repo.index, id)]
}
