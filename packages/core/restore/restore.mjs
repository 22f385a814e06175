// biome-ignore-all lint/style/noExcessiveLinesPerFile: one file is its purpose
//
// Restores machines from a Holdfast repository with nothing but Node.js 22.18 (or newer) and this file.
//
//   node restore.mjs list                                  every recovery point
//   node restore.mjs restore <point | machine@latest> DIR  writes DIR/<machine>/<disk>.raw, sparse
//   node restore.mjs check                                 reads and proves everything, lists all damage
//
//   --repo DIR              the repository; else the folder this script is in. May be given more than once, and DIR may
//                           hold parts in sub-folders, as when each of several tapes was unpacked into its own.
//   --passphrase-file FILE  else the environment variable HOLDFAST_PASSPHRASE has the passphrase.
//
// It knows the transforms 'zstd' and 'aes-gcm'. It writes below DIR only. Words in quotes are sections of the format's
// specification, docs/spec/repository.md. All integers are unsigned and little-endian. Nothing that is read is trusted:
// lengths are checked before they are used, and no chunk is written before it was hashed again. Memory: about 70 bytes
// for each chunk of the index (a TB of disk data is some eight million chunks), and a few decoded frames of 4 MiB.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import * as zlib from 'node:zlib'

const regionBytes = 4 * 2 ** 20
const maxFrameChunks = 2048
const maxPlainFrameBytes = regionBytes + 4 + maxFrameChunks * 36
const maxFrameBytes = 12 + maxPlainFrameBytes + 32_768
const cachedFrames = 8
const zeroId = Buffer.alloc(32)
const zeroNonce = Buffer.alloc(12)

const damage = (object, what) => new Error(`${object} is damaged: ${what}.`)
const demand = (holds, object, what) => {
  if (!holds) throw damage(object, what)
}
const u32 = (bytes, at, count) => Array.from({ length: count }, (_, i) => bytes.readUInt32LE(at + i * 4))
const hex = (bytes) => bytes.toString('hex')
const warn = (line) => process.stderr.write(`${line}\n`)
const say = (line) => process.stdout.write(`${line}\n`)
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash('sha256')).digest()
const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32))

function gcmOpen(key, nonce, associated, sealed) {
  const cipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  cipher.setAAD(associated)
  cipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()])
}

/** Does something whose failure stops nothing else: it is reported and counted. */
function attempt(action) {
  try {
    return action()
  } catch (error) {
    warn(`warning: ${error.message}`)
    attempt.failures++
    return undefined
  }
}
attempt.failures = 0

// ---- "Objects": files by name, in one folder or in several that each hold a part -------------------------------------

const objectNames = {
  keys: /^[0-9a-f]{32}(-copy)?$/,
  packs: /^[0-9a-f]{2}\/[0-9a-f]{32}$/,
  index: /^[0-9a-f]{32}$/,
  points: /^[0-9a-f]{32}\/[A-Za-z0-9_-]+$/,
  'point-copies': /^[0-9a-f]{32}\/[A-Za-z0-9_-]+$/,
}

function openFolders(given) {
  const holdsParts = (folder) =>
    ['holdfast.json', ...Object.keys(objectNames)].some((name) => fs.existsSync(join(folder, name)))
  return given.flatMap((folder) => {
    const inside = fs.readdirSync(folder).filter((name) => !name.startsWith('.') && objectNames[name] === undefined)
    return [folder, ...inside.map((name) => join(folder, name)).filter(holdsParts)]
  })
}

function listObjects(repo, kind) {
  const folders = repo.folders.map((folder) => join(folder, kind)).filter((folder) => fs.existsSync(folder))
  const names = folders.flatMap((folder) => fs.readdirSync(folder, { recursive: true }))
  const keys = names.map((name) => name.replaceAll('\\', '/')).filter((name) => objectNames[kind].test(name))
  return [...new Set(keys)].sort().map((name) => `${kind}/${name}`)
}

/** Lets `use` read an object. When one copy of it is damaged, the next folder that has one is tried. */
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
    demand(count > 0, key, `it ends at byte ${offset + done}`)
    done += count
  }
  return bytes
}

function readWhole(repo, key, maxBytes, parse) {
  return readObject(repo, key, (file, size) => {
    demand(size <= maxBytes, key, `it has ${size} bytes, more than it may have`)
    return parse(readAt(key, file, 0, size))
  })
}

function parseJson(key, bytes) {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw damage(key, `it is not JSON (${error.message})`)
  }
}

/** Checks the member `digest` of an object in JSON, and takes it out. */
function withoutDigest(key, bytes) {
  const { digest, ...rest } = parseJson(key, bytes) ?? {}
  demand(digest === hex(sha256(JSON.stringify(rest))), key, 'its digest does not fit its content')
  return rest
}

// ---- "Description" ---------------------------------------------------------------------------------------------------

const descriptionKeys = ['holdfast.json', 'holdfast-copy.json']

function readDescription(repo, key) {
  const description = readWhole(repo, key, 65_536, (bytes) => withoutDigest(key, bytes))
  const { format, version, id, chunkHash } = description
  demand(format === 'holdfast-repository', key, 'it describes no Holdfast repository')
  if (version !== 1) throw new Error(`The repository has format ${version}; this script reads format 1.`)
  const fits = /^[0-9a-f]{32}$/.test(id) && ['blake3', 'sha-256'].includes(chunkHash)
  demand(fits, key, 'its id or its chunk hash cannot be')
  return description
}

function anyDescription(repo) {
  const [first, twin] = descriptionKeys
  try {
    return readDescription(repo, first)
  } catch (error) {
    warn(`warning: ${error.message} Trying its twin.`)
    return readDescription(repo, twin)
  }
}

// ---- "Keys": passphrase → key pair of a slot → master key → bundle of data keys and the id key -----------------------

function slotKeys({ name, N, r, p, salt }, passphrase) {
  const bounded = name === 'scrypt' && N > 1 && r > 0 && p > 0 && 128 * N * r <= 2 ** 30 && 128 * N * r * p <= 2 ** 33
  if (!bounded) throw new Error('its scrypt parameters are out of bounds')
  const options = { N, r, p, maxmem: 128 * N * r + 2 ** 25 }
  const derived = crypto.scryptSync(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), 64, options)
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), derived.subarray(0, 32)])
  const privateKey = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicKey = crypto.createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { privateKey, publicKey, secret: derived.subarray(32) }
}

function unwrapMaster(slot, wrap, { privateKey, secret }) {
  const ephemeral = Buffer.from(wrap.ephemeral, 'base64')
  const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), ephemeral])
  const publicKey = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' })
  const shared = Buffer.concat([crypto.diffieHellman({ privateKey, publicKey }), secret])
  const key = hkdf(shared, ephemeral, 'holdfast slot')
  return gcmOpen(key, zeroNonce, Buffer.from(slot.id), Buffer.from(wrap.ciphertext, 'base64'))
}

function parseKeyObject(repo, key, bytes) {
  const file = withoutDigest(key, bytes)
  const named = [`keys/${file.id}`, `keys/${file.id}-copy`].includes(key) && file.repository === repo.id
  demand(named && file.format === 1, key, 'it is no key object of this name, repository and format')
  demand(Array.isArray(file.slots) && Array.isArray(file.wraps), key, 'it has no slots')
  return file
}

/** The bundle of a key object, or `undefined` when the passphrase opens none of its slots. */
function openBundle(file, passphrase) {
  const { bundle, ...head } = file
  for (const slot of file.slots) {
    try {
      const wrap = file.wraps.find((candidate) => candidate.slot === slot.id)
      const keys = slotKeys(slot.kdf, passphrase)
      if (wrap === undefined || keys.publicKey.toString('base64') !== slot.publicKey) continue
      const master = unwrapMaster(slot, wrap, keys)
      const associated = Buffer.from(JSON.stringify(head))
      return JSON.parse(gcmOpen(master, zeroNonce, associated, Buffer.from(bundle, 'base64')).toString('utf8'))
    } catch (error) {
      throw damage(`keys/${file.id}`, `slot ${slot.id} does not open (${error.message})`)
    }
  }
  return undefined
}

/** Opens every key object that the passphrase opens: the newest gives the id key, each may give further data keys. */
function openKeys(repo, passphrase) {
  if (passphrase === undefined) throw new Error('The repository is encrypted: set HOLDFAST_PASSPHRASE.')
  const files = new Map()
  for (const key of listObjects(repo, 'keys')) {
    const file = attempt(() => readWhole(repo, key, 2 ** 20, (bytes) => parseKeyObject(repo, key, bytes)))
    if (file !== undefined) files.set(file.id, file)
  }
  demand(files.size > 0, 'keys/', 'the repository is encrypted, but no key object can be read')
  const newestFirst = [...files.values()].sort((a, b) => b.generation - a.generation)
  const bundles = newestFirst
    .map((file) => attempt(() => openBundle(file, passphrase)))
    .filter((bundle) => bundle !== undefined)
  if (bundles.length === 0) throw new Error('The passphrase opens none of the key slots of this repository.')
  const dataKeys = new Map()
  for (const { id, key } of bundles.flatMap((bundle) => bundle.dataKeys)) {
    dataKeys.set(hex(Buffer.from(id, 'base64')), Buffer.from(key, 'base64'))
  }
  return { idKey: Buffer.from(bundles[0].idKey, 'base64'), dataKeys }
}

function dataKeyOf(repo, key, id) {
  const dataKey = repo.keys?.dataKeys.get(hex(id))
  demand(dataKey !== undefined, key, 'it names a data key that no key object here holds')
  return dataKey
}

// ---- "Envelope": small objects, sealed with a data key, or with a digest in a repository without keys ----------------

function openEnvelope(repo, key, bytes) {
  demand(bytes.length >= 40 && bytes.toString('latin1', 0, 4) === 'HFOB', key, 'it does not begin as a Holdfast object')
  demand(
    bytes[4] === 1 && bytes[5] === (repo.keys === undefined ? 0 : 1),
    key,
    'its version or protection is unexpected',
  )
  const bound = (header) => Buffer.concat([Buffer.from(`${repo.id}/${key}\n`), header])
  if (repo.keys === undefined) {
    const digest = sha256(bound(bytes.subarray(0, 8)), bytes.subarray(40))
    demand(digest.equals(bytes.subarray(8, 40)), key, 'its digest does not fit its content and name')
    return bytes.subarray(40)
  }
  demand(bytes.length >= 48, key, 'it is truncated')
  const objectKey = hkdf(dataKeyOf(repo, key, bytes.subarray(8, 16)), bytes.subarray(16, 32), 'holdfast object')
  try {
    return gcmOpen(objectKey, zeroNonce, bound(bytes.subarray(0, 32)), bytes.subarray(32))
  } catch {
    throw damage(key, 'it does not authenticate')
  }
}

// ---- "Packs": header, frames, sealed footer, trailer -----------------------------------------------------------------

const packKey = (id) => `packs/${id.slice(0, 2)}/${id}`

/** Reads a pack's footer: how its frames are encoded, and every chunk in them. */
function readFooter(repo, key, file, size) {
  demand(size >= 80 && size < 2 ** 32, key, `it has ${size} bytes`)
  const header = readAt(key, file, 0, 64)
  const trailer = readAt(key, file, size - 16, 16)
  demand(header.toString('latin1', 0, 4) === 'HFPK' && header[4] === 1, key, 'it does not begin as a pack of version 1')
  const id = header.toString('hex', 8, 24)
  demand(
    packKey(id) === key && header.toString('hex', 24, 40) === repo.id,
    key,
    'it is another pack, or of another repository',
  )
  demand(trailer.toString('latin1', 4) === '\0\0\0\0\0\0\0\0HFPE', key, 'it does not end as a pack')
  const footerBytes = trailer.readUInt32LE(0)
  const framesEnd = size - 16 - footerBytes
  demand(footerBytes <= 2 ** 26 && framesEnd >= 64, key, 'its footer is larger than it may be')
  const payload = openEnvelope(repo, key, readAt(key, file, framesEnd, footerBytes))
  demand(payload.length >= 72 && payload.subarray(0, 64).equals(header), key, 'its header and its footer disagree')
  const first = 72 + payload.readUInt32LE(64)
  demand(first <= payload.length, key, 'its footer is shorter than it says')
  const chain = parseJson(key, payload.subarray(68, first - 4))
  demand(first + payload.readUInt32LE(first - 4) * 48 === payload.length, key, 'its footer is not as long as it says')
  const chunks = []
  for (let at = first; at < payload.length; at += 48) {
    const [frameOffset, frameBytes, plainOffset, plainBytes] = u32(payload, at + 32, 4)
    demand(frameOffset >= 64 && frameOffset + frameBytes <= framesEnd, key, 'its footer lists a frame outside of it')
    chunks.push({ id: payload.subarray(at, at + 32), frameOffset, frameBytes, plainOffset, plainBytes })
  }
  return { pack: { id, dataKeyId: header.subarray(40, 48), chain }, chunks, framesEnd }
}

// ---- "Index": where each chunk is. Records of 52 bytes as they are stored, found through a hash table ----------------

const emptyIndex = () => ({
  packs: [],
  packNumbers: new Map(),
  records: Buffer.alloc(52 * 1024),
  count: 0,
  slots: new Uint32Array(4096),
  hasFooters: false,
})

function addPack(index, pack) {
  const known = index.packNumbers.get(pack.id)
  if (known !== undefined) return known
  index.packNumbers.set(pack.id, index.packs.length)
  return index.packs.push(pack) - 1
}

/** Adds a record, unless it is in already. A chunk that is stored twice has two records. */
function addRecord(index, record) {
  if (index.count * 2 >= index.slots.length) {
    index.slots = new Uint32Array(index.slots.length * 2)
    for (let number = 0; number < index.count; number++) takeSlot(index, number)
  }
  if ((index.count + 1) * 52 > index.records.length) {
    index.records = Buffer.concat([index.records, Buffer.alloc(index.records.length)])
  }
  record.copy(index.records, index.count * 52)
  if (takeSlot(index, index.count)) index.count++
}

/** A slot holds the number of a record, plus one. */
function takeSlot({ slots, records }, number) {
  const at = number * 52
  let slot = records.readUInt32LE(at) & (slots.length - 1)
  for (; slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
    const other = (slots[slot] - 1) * 52
    if (records.compare(records, other, other + 52, at, at + 52) === 0) return false
  }
  slots[slot] = number + 1
  return true
}

function placesOf({ slots, records, packs }, id) {
  const places = []
  for (let slot = id.readUInt32LE(0) & (slots.length - 1); slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1)) {
    const at = (slots[slot] - 1) * 52
    if (records.compare(id, 0, 32, at, at + 32) !== 0) continue
    const [pack, frameOffset, frameBytes, plainOffset, plainBytes] = u32(records, at + 32, 5)
    places.push({ pack: packs[pack], frameOffset, frameBytes, plainOffset, plainBytes })
  }
  return places
}

function addIndexObject(repo, key, bytes) {
  const payload = openEnvelope(repo, key, bytes)
  demand(payload.length >= 12, key, 'it is truncated')
  const [chainBytes, packCount, recordCount] = u32(payload, 0, 3)
  const packsAt = 12 + chainBytes
  const recordsAt = packsAt + packCount * 32
  demand(recordsAt + recordCount * 52 === payload.length, key, 'it is not as long as it says')
  const chains = parseJson(key, payload.subarray(12, packsAt))
  const numbers = []
  for (let at = packsAt; at < recordsAt; at += 32) {
    const dataKeyId = Buffer.from(payload.subarray(at + 16, at + 24))
    const pack = { id: payload.toString('hex', at, at + 16), dataKeyId, chain: chains[payload.readUInt16LE(at + 30)] }
    numbers.push(addPack(repo.index, pack))
  }
  for (let at = recordsAt; at < payload.length; at += 52) {
    const number = numbers[payload.readUInt32LE(at + 32)]
    demand(number !== undefined, key, 'a record names a pack that is not listed')
    payload.writeUInt32LE(number, at + 32)
    addRecord(repo.index, payload.subarray(at, at + 52))
  }
}

function loadIndex(repo) {
  for (const key of listObjects(repo, 'index')) {
    attempt(() => readWhole(repo, key, 2 ** 28, (bytes) => addIndexObject(repo, key, bytes)))
  }
}

function addFooter(repo, key) {
  const footer = readObject(repo, key, (file, size) => readFooter(repo, key, file, size))
  const record = Buffer.alloc(52)
  const number = addPack(repo.index, footer.pack)
  for (const { id, frameOffset, frameBytes, plainOffset, plainBytes } of footer.chunks) {
    id.copy(record)
    const fields = [number, frameOffset, frameBytes, plainOffset, plainBytes]
    for (const [i, field] of fields.entries()) record.writeUInt32LE(field, 32 + i * 4)
    addRecord(repo.index, record)
  }
  return footer
}

/** Finds a chunk. When the index does not know it, the footers of all packs are read, once. */
function findChunk(repo, id) {
  const places = placesOf(repo.index, id)
  if (places.length > 0 || repo.index.hasFooters) return places
  warn('The index does not list everything: reading the footers of all packs …')
  repo.index.hasFooters = true
  for (const key of listObjects(repo, 'packs')) attempt(() => addFooter(repo, key))
  return placesOf(repo.index, id)
}

// ---- "Frames": some chunks behind a table of their lengths and ids, put through the chain of transforms of the pack --

function unzstd(input) {
  if (zlib.zstdDecompressSync === undefined) throw new Error('this Node.js knows no Zstandard: use 22.18 or newer')
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: 23 }
  return zlib.zstdDecompressSync(input, { maxOutputLength: maxPlainFrameBytes, params })
}

function decrypt(repo, pack, position, sequence, maskBefore, input) {
  const id = Buffer.from(pack.id, 'hex')
  const key = hkdf(dataKeyOf(repo, packKey(pack.id), pack.dataKeyId), id, `holdfast pack ${position} aes-gcm`)
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(sequence, 8)
  const place = Buffer.alloc(10)
  place.writeUInt32LE(sequence, 0)
  place.writeUInt32LE(maskBefore, 4)
  place.writeUInt16LE(position, 8)
  return gcmOpen(key, nonce, Buffer.concat([id, place]), input)
}

/** Undoes the transforms that the mask names, the last one first. */
function decodeFrame(repo, pack, encoded) {
  const key = packKey(pack.id)
  const [encodedBytes, sequence] = u32(encoded, 0, 2)
  const mask = encoded.readUInt16LE(8)
  demand(
    encoded.readUInt16LE(10) === (zlib.crc32(encoded.subarray(0, 10)) & 0xffff),
    key,
    'a frame has an altered header',
  )
  demand(encodedBytes === encoded.length - 12, key, 'a frame is not as long as it says')
  const fits = Array.isArray(pack.chain) && pack.chain.length <= 16 && mask < 2 ** pack.chain.length
  demand(fits, key, 'a frame names a transform that its pack does not')
  let bytes = encoded.subarray(12)
  for (let position = pack.chain.length - 1; position >= 0; position--) {
    const { id, version, keyed } = pack.chain[position]
    if ((mask & (1 << position)) === 0) {
      demand(keyed !== true, key, `frame ${sequence} was not encoded by ${id}`)
      continue
    }
    const known = (id === 'zstd' || id === 'aes-gcm') && version === 1
    if (!known) throw new Error(`${key} needs the transform '${id}' version ${version}, which this script lacks.`)
    try {
      const maskBefore = mask & ((1 << position) - 1)
      bytes = id === 'zstd' ? unzstd(bytes) : decrypt(repo, pack, position, sequence, maskBefore, bytes)
    } catch (error) {
      throw damage(key, `frame ${sequence} does not decode by ${id} (${error.message})`)
    }
  }
  return bytes
}

/** Reads a frame: its chunks by their offset in the decoded frame. */
function readFrame(repo, pack, frameOffset, frameBytes) {
  const key = packKey(pack.id)
  demand(frameBytes >= 12 && frameBytes <= maxFrameBytes, key, `a frame is said to have ${frameBytes} bytes`)
  return readObject(repo, key, (file) => {
    const plain = decodeFrame(repo, pack, readAt(key, file, frameOffset, frameBytes))
    const count = plain.length < 4 ? 0 : plain.readUInt32LE(0)
    let offset = 4 + count * 36
    demand(count > 0 && count <= maxFrameChunks && offset <= plain.length, key, 'a frame has a table that cannot be')
    const chunks = new Map()
    for (let at = 4; at < 4 + count * 36; at += 36) {
      const end = offset + plain.readUInt32LE(at)
      chunks.set(offset, { id: plain.subarray(at + 4, at + 36), bytes: plain.subarray(offset, end) })
      offset = end
    }
    demand(offset === plain.length, key, 'a frame does not fit its table')
    return chunks
  })
}

// ---- "Chunk ids" -----------------------------------------------------------------------------------------------------

function chunkId(repo, bytes) {
  return repo.chunkHash === 'blake3' ? blake3(bytes, repo.keys?.idKey) : sha256Id(repo, bytes)
}

/** The id of a chunk by SHA-256; machine tags are made this way in every repository. */
function sha256Id(repo, bytes) {
  return repo.keys === undefined ? sha256(bytes) : crypto.createHmac('sha256', repo.keys.idKey).update(bytes).digest()
}

function provedChunk(repo, pack, frame, { plainOffset, plainBytes }, id) {
  const chunk = frame.get(plainOffset)
  const listed = chunk !== undefined && chunk.bytes.length === plainBytes && chunk.id.equals(id)
  demand(listed, packKey(pack.id), `the frame that should hold chunk ${hex(id)} holds another`)
  demand(chunkId(repo, chunk.bytes).equals(id), packKey(pack.id), `chunk ${hex(id)} has other content`)
  return chunk.bytes
}

/** The bytes of a chunk, proved, from the first of its places that is not damaged. */
function readChunk(repo, id) {
  let failure
  for (const place of findChunk(repo, id)) {
    const name = `${place.pack.id}/${place.frameOffset}`
    try {
      const frame = repo.frames.get(name) ?? readFrame(repo, place.pack, place.frameOffset, place.frameBytes)
      repo.frames.delete(name)
      repo.frames.set(name, frame)
      if (repo.frames.size > cachedFrames) repo.frames.delete(repo.frames.keys().next().value)
      return provedChunk(repo, place.pack, frame, place, id)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure ?? damage(`chunk ${hex(id)}`, 'no pack lists it')
}

// ---- BLAKE3, which Node lacks: hash and keyed hash of less than 4 GiB, after section 2 of its paper --------------------

const [chunkStart, chunkEnd, parent, root, keyed] = [1, 2, 4, 8, 16]
const plainKey = Int32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
)
/** The chaining value of the part at hand. */
const value = new Int32Array(8)
/** Those of finished parts. Two halves lie side by side: they are the block of the node above them. */
const finished = new DataView(new ArrayBuffer(32 * 32))
const shortBlock = new DataView(new ArrayBuffer(64))

function blake3(bytes, key) {
  const keyWords = key === undefined ? plainKey : Int32Array.from(u32(key, 0, 8))
  const input = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  hashPart(input, 0, bytes.length, keyWords, root | (key === undefined ? 0 : keyed), 0)
  return Buffer.from(finished.buffer.slice(0, 32))
}

/** Hashes a part of the input, by halves if it is longer than 1024 bytes, and puts its chaining value at `place`. */
function hashPart(input, from, to, keyWords, flags, place) {
  if (to - from <= 1024) hashLeaf(input, from, to, keyWords, flags)
  else {
    // The left half has the largest power of two that leaves something to the right one.
    const middle = from + (0x8000_0000 >>> Math.clz32(to - from - 1))
    hashPart(input, from, middle, keyWords, flags & keyed, place)
    hashPart(input, middle, to, keyWords, flags & keyed, place + 32)
    value.set(keyWords)
    compress(finished, place, 64, 0, flags | parent)
  }
  for (let i = 0; i < 8; i++) finished.setInt32(place + i * 4, value[i], true)
}

function hashLeaf(input, from, to, keyWords, flags) {
  const number = from / 1024
  let at = from
  let first = chunkStart
  value.set(keyWords)
  for (; to - at > 64; at += 64) {
    compress(input, at, 64, number, (flags & keyed) | first)
    first = 0
  }
  const isShort = to - at < 64
  for (let i = 0; isShort && i < 64; i++) shortBlock.setUint8(i, at + i < to ? input.getUint8(at + i) : 0)
  compress(isShort ? shortBlock : input, isShort ? 0 : at, to - at, number, flags | first | chunkEnd)
}

const rotated = (word, bits) => (word >>> bits) | (word << (32 - bits))

/** Takes a block into the chaining value. Written out, since loops over arrays take four times as long. */
// biome-ignore format: one line for each half of a mixing
function compress(view, at, length, number, flags) {
  let m0 = view.getInt32(at, true), m1 = view.getInt32(at + 4, true), m2 = view.getInt32(at + 8, true)
  let m3 = view.getInt32(at + 12, true), m4 = view.getInt32(at + 16, true), m5 = view.getInt32(at + 20, true)
  let m6 = view.getInt32(at + 24, true), m7 = view.getInt32(at + 28, true), m8 = view.getInt32(at + 32, true)
  let m9 = view.getInt32(at + 36, true), m10 = view.getInt32(at + 40, true), m11 = view.getInt32(at + 44, true)
  let m12 = view.getInt32(at + 48, true), m13 = view.getInt32(at + 52, true), m14 = view.getInt32(at + 56, true)
  let m15 = view.getInt32(at + 60, true)
  let v0 = value[0], v1 = value[1], v2 = value[2], v3 = value[3], v4 = value[4], v5 = value[5], v6 = value[6], v7 = value[7]
  let v8 = plainKey[0], v9 = plainKey[1], v10 = plainKey[2], v11 = plainKey[3]
  let v12 = number | 0, v13 = 0, v14 = length, v15 = flags
  for (let round = 1; ; round++) {
    // The columns.
    v0 = (v0 + v4 + m0) | 0; v12 = rotated(v12 ^ v0, 16); v8 = (v8 + v12) | 0; v4 = rotated(v4 ^ v8, 12)
    v0 = (v0 + v4 + m1) | 0; v12 = rotated(v12 ^ v0, 8); v8 = (v8 + v12) | 0; v4 = rotated(v4 ^ v8, 7)
    v1 = (v1 + v5 + m2) | 0; v13 = rotated(v13 ^ v1, 16); v9 = (v9 + v13) | 0; v5 = rotated(v5 ^ v9, 12)
    v1 = (v1 + v5 + m3) | 0; v13 = rotated(v13 ^ v1, 8); v9 = (v9 + v13) | 0; v5 = rotated(v5 ^ v9, 7)
    v2 = (v2 + v6 + m4) | 0; v14 = rotated(v14 ^ v2, 16); v10 = (v10 + v14) | 0; v6 = rotated(v6 ^ v10, 12)
    v2 = (v2 + v6 + m5) | 0; v14 = rotated(v14 ^ v2, 8); v10 = (v10 + v14) | 0; v6 = rotated(v6 ^ v10, 7)
    v3 = (v3 + v7 + m6) | 0; v15 = rotated(v15 ^ v3, 16); v11 = (v11 + v15) | 0; v7 = rotated(v7 ^ v11, 12)
    v3 = (v3 + v7 + m7) | 0; v15 = rotated(v15 ^ v3, 8); v11 = (v11 + v15) | 0; v7 = rotated(v7 ^ v11, 7)
    // The diagonals.
    v0 = (v0 + v5 + m8) | 0; v15 = rotated(v15 ^ v0, 16); v10 = (v10 + v15) | 0; v5 = rotated(v5 ^ v10, 12)
    v0 = (v0 + v5 + m9) | 0; v15 = rotated(v15 ^ v0, 8); v10 = (v10 + v15) | 0; v5 = rotated(v5 ^ v10, 7)
    v1 = (v1 + v6 + m10) | 0; v12 = rotated(v12 ^ v1, 16); v11 = (v11 + v12) | 0; v6 = rotated(v6 ^ v11, 12)
    v1 = (v1 + v6 + m11) | 0; v12 = rotated(v12 ^ v1, 8); v11 = (v11 + v12) | 0; v6 = rotated(v6 ^ v11, 7)
    v2 = (v2 + v7 + m12) | 0; v13 = rotated(v13 ^ v2, 16); v8 = (v8 + v13) | 0; v7 = rotated(v7 ^ v8, 12)
    v2 = (v2 + v7 + m13) | 0; v13 = rotated(v13 ^ v2, 8); v8 = (v8 + v13) | 0; v7 = rotated(v7 ^ v8, 7)
    v3 = (v3 + v4 + m14) | 0; v14 = rotated(v14 ^ v3, 16); v9 = (v9 + v14) | 0; v4 = rotated(v4 ^ v9, 12)
    v3 = (v3 + v4 + m15) | 0; v14 = rotated(v14 ^ v3, 8); v9 = (v9 + v14) | 0; v4 = rotated(v4 ^ v9, 7)
    if (round === 7) break
    // The permutation of the words, along its two cycles.
    const w0 = m0, w1 = m1
    m0 = m2; m2 = m3; m3 = m10; m10 = m12; m12 = m9; m9 = m11; m11 = m5; m5 = w0
    m1 = m6; m6 = m4; m4 = m7; m7 = m13; m13 = m14; m14 = m15; m15 = m8; m8 = w1
  }
  value[0] = v0 ^ v8; value[1] = v1 ^ v9; value[2] = v2 ^ v10; value[3] = v3 ^ v11
  value[4] = v4 ^ v12; value[5] = v5 ^ v13; value[6] = v6 ^ v14; value[7] = v7 ^ v15
}

// ---- "Disk trees": a leaf lists the chunks of 32 MiB, an inner node has up to 256 nodes below; a zero id means zeros --

const leafBytes = 8 * regionBytes
const fanOut = 256

function levelsOf(sizeBytes) {
  let levels = 0
  for (let nodes = Math.ceil(sizeBytes / leafBytes); nodes > 1; nodes = Math.ceil(nodes / fanOut)) levels++
  return levels
}

/** Yields every chunk of a disk that is not zeros, in order of address. `wants` may leave nodes out. */
function* chunksOf(repo, { sizeBytes, root }, wants = () => true) {
  if (sizeBytes > 0) yield* chunksBelow(repo, sizeBytes, Buffer.from(root, 'hex'), levelsOf(sizeBytes), 0, wants)
}

function* chunksBelow(repo, sizeBytes, id, level, index, wants) {
  if (id.equals(zeroId) || !wants(id)) return
  const node = Buffer.from(readChunk(repo, id))
  if (level === 0) {
    yield* leafChunks(node, hex(id), index * leafBytes, Math.min(sizeBytes, (index + 1) * leafBytes))
    return
  }
  const nodesBelow = Math.ceil(sizeBytes / (leafBytes * fanOut ** (level - 1)))
  const children = Math.min(fanOut, nodesBelow - index * fanOut)
  const fits = node[0] === 2 && node[1] === level && node.length === 4 + children * 32
  demand(fits, `tree node ${hex(id)}`, 'it does not fit its place in the tree')
  for (let i = 0; i < children; i++) {
    yield* chunksBelow(repo, sizeBytes, node.subarray(4 + i * 32, 36 + i * 32), level - 1, index * fanOut + i, wants)
  }
}

function* leafChunks(leaf, name, start, end) {
  const lengths = []
  for (let at = 4; at + 36 <= leaf.length; at += 36) lengths.push(leaf.readUInt32LE(at))
  const fits =
    leaf[0] === 1 && leaf.length === 4 + lengths.length * 36 && lengths.reduce((a, b) => a + b, start) === end
  demand(fits, `tree leaf ${name}`, 'it does not fit its place on the disk')
  let offset = start
  for (const [i, length] of lengths.entries()) {
    const id = leaf.subarray(8 + i * 36, 40 + i * 36)
    if (!id.equals(zeroId)) yield { id, offset, length }
    offset += length
  }
}

// ---- "Recovery points" -----------------------------------------------------------------------------------------------

function parsePoint(repo, key, bytes) {
  const point = parseJson(key, openEnvelope(repo, key, bytes))
  const isText = (value) => typeof value === 'string' && value !== ''
  const isSize = (value) => Number.isSafeInteger(value) && value >= 0
  const isDisk = (disk) => isText(disk?.id) && /^[0-9a-f]{64}$/.test(disk.root) && isSize(disk.sizeBytes)
  const isPoint = point?.format === 1 && isText(point.machine?.id) && isText(point.machine.name)
  const isWhole =
    isPoint && Array.isArray(point.disks) && point.disks.every(isDisk) && !Number.isNaN(Date.parse(point.takenAt))
  demand(isWhole, key, 'it lacks what a recovery point has')
  const tag = hex(sha256Id(repo, Buffer.from(`machine\n${point.machine.id}`))).slice(0, 32)
  const isNamed = [`points/${tag}/${point.id}`, `point-copies/${tag}/${point.id}`].includes(key)
  demand(isNamed, key, `it is point ${point.id} of another machine or time`)
  return point
}

/** All points that can be read, the oldest first. A point whose manifest is lost is read from its copy. */
function readPoints(repo) {
  const read = (key) => attempt(() => readWhole(repo, key, 2 ** 26, (bytes) => parsePoint(repo, key, bytes)))
  const copies = new Map(listObjects(repo, 'point-copies').map((key) => [key.replace('point-copies/', 'points/'), key]))
  const keys = new Set([...listObjects(repo, 'points'), ...copies.keys()])
  const points = [...keys].flatMap((key) => read(key) ?? (copies.has(key) ? read(copies.get(key)) : undefined) ?? [])
  return points.sort((a, b) => Date.parse(a.takenAt) - Date.parse(b.takenAt) || (a.id < b.id ? -1 : 1))
}

/** Finds a point by its id, the unique start of an id, `machine@latest` or `machine@<start of id>`. */
function choosePoint(points, wanted) {
  const at = wanted.lastIndexOf('@')
  const start = wanted.slice(at + 1)
  const isOf = ({ machine }) => at <= 0 || [machine.name, machine.id].includes(wanted.slice(0, at))
  const candidates = points.filter(isOf)
  if (at > 0 && start === 'latest' && candidates.length > 0) {
    // A point dated in the future may be forged: it is not the latest while there are others.
    const tomorrow = Date.now() + 86_400_000
    return candidates.findLast((point) => Date.parse(point.takenAt) <= tomorrow) ?? candidates.at(-1)
  }
  const found = candidates.filter((point) => point.id.startsWith(start))
  if (found.length === 1) return found[0]
  throw new Error(`${found.length} recovery points are called '${wanted}'. See: node restore.mjs list`)
}

// ---- restore ---------------------------------------------------------------------------------------------------------

/** Longest file name that is made, in bytes: encrypted home folders take no more. */
const maxNameBytes = 140

/** A name that cannot leave its folder: what is unusual is percent-encoded, what is long is cut and told by a digest. */
function safeFileName(text) {
  const percent = (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const encoded = text
    .replace(/[^\p{L}\p{N} ._()-]/gu, percent)
    .replace(/[. ]$/u, percent)
    .replace(/^[. ]/u, (first) => `_${first.trim()}`)
  const name = encoded === '' || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(encoded) ? `_${encoded}` : encoded
  if (Buffer.byteLength(name) <= maxNameBytes) return name
  let start = name
  while (Buffer.byteLength(start) > maxNameBytes - 17) start = start.slice(0, -1)
  return `${start}~${crypto.createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

/** Writes the disks of a point under a temporary name, which becomes the machine's folder once all is proved. */
function restorePoint(repo, point, out) {
  const folder = join(out, safeFileName(point.machine.name))
  if (fs.existsSync(folder)) throw new Error(`${folder} is there already; nothing is overwritten.`)
  fs.mkdirSync(out, { recursive: true })
  const unfinished = fs.mkdtempSync(join(out, '.restoring-'))
  try {
    for (const disk of point.disks) {
      naming(point, disk, () => restoreDisk(repo, disk, join(unfinished, `${safeFileName(disk.id)}.raw`)))
    }
    // How the machine was built, also in the words of its hypervisor.
    fs.writeFileSync(join(unfinished, 'point.json'), `${JSON.stringify(point, undefined, 2)}\n`, { mode: 0o600 })
    fs.renameSync(unfinished, folder)
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true })
    throw error
  }
  for (const disk of point.disks) say(`${join(folder, `${safeFileName(disk.id)}.raw`)}  ${disk.sizeBytes} bytes`)
  for (const disk of point.unavailable ?? []) warn(`warning: disk '${disk.id}' is not in this point: ${disk.reason}`)
}

function naming(point, disk, action) {
  try {
    action()
  } catch (error) {
    throw new Error(`Disk '${disk.id}' of ${point.machine.name} (${point.id}) cannot be restored: ${error.message}`)
  }
}

function restoreDisk(repo, disk, path) {
  const file = fs.openSync(path, 'wx', 0o600)
  try {
    fs.ftruncateSync(file, disk.sizeBytes)
    for (const { id, offset, length } of chunksOf(repo, disk)) {
      const bytes = readChunk(repo, id)
      demand(bytes.length === length, `chunk ${hex(id)}`, `it has ${bytes.length} bytes, its disk wants ${length}`)
      writeSparse(file, offset, bytes)
    }
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

const blockBytes = 4096
const zeroBlock = Buffer.alloc(blockBytes)

/** Leaves blocks of zeros out: the file is new, so they stay holes. */
function writeSparse(file, offset, bytes) {
  const endOf = (at) => Math.min(at + blockBytes, bytes.length)
  const isData = (at) => at < bytes.length && bytes.compare(zeroBlock, 0, endOf(at) - at, at, endOf(at)) !== 0
  for (let from = 0; from < bytes.length; from += blockBytes) {
    let to = from
    while (isData(to)) to = endOf(to)
    while (from < to) from += fs.writeSync(file, bytes, from, to - from, offset + from)
  }
}

// ---- check and list --------------------------------------------------------------------------------------------------

/** Reads and proves every object, then that each point can be put together from what is undamaged. */
function check(repo) {
  const twinOf = (key) => (key.endsWith('-copy') ? key.slice(0, -5) : `${key}-copy`)
  for (const key of descriptionKeys) attempt(() => readDescription(repo, key))
  for (const key of listObjects(repo, 'keys')) attempt(() => readObject(repo, twinOf(key), () => {}))
  loadIndex(repo)
  repo.index.hasFooters = true
  const goodFrames = new Set()
  for (const key of listObjects(repo, 'packs')) {
    attempt(() => {
      const footer = addFooter(repo, key)
      for (const frame of framesOf(key, footer)) attempt(() => goodFrames.add(proveFrame(repo, footer.pack, frame)))
    })
  }
  for (const key of listObjects(repo, 'point-copies'))
    attempt(() => readWhole(repo, key, 2 ** 26, (bytes) => parsePoint(repo, key, bytes)))
  const points = readPoints(repo)
  const seen = new Set()
  for (const point of points) {
    for (const disk of point.disks) attempt(() => naming(point, disk, () => proveDisk(repo, disk, goodFrames, seen)))
  }
  say(`${points.length} recovery points, ${goodFrames.size} frames: ${attempt.failures} failures`)
}

/** Groups the chunks of a footer by frame, and sees that the frames fill the pack. */
function framesOf(key, { chunks, framesEnd }) {
  const frames = new Map()
  for (const chunk of chunks) {
    const frame = frames.get(chunk.frameOffset) ?? {
      frameOffset: chunk.frameOffset,
      frameBytes: chunk.frameBytes,
      chunks: [],
    }
    demand(frame.frameBytes === chunk.frameBytes, key, 'its footer gives a frame two lengths')
    frame.chunks.push(chunk)
    frames.set(chunk.frameOffset, frame)
  }
  const sorted = [...frames.values()].sort((a, b) => a.frameOffset - b.frameOffset)
  const end = sorted.reduce((at, frame) => (at === frame.frameOffset ? at + frame.frameBytes : Number.NaN), 64)
  demand(end === framesEnd, key, 'its frames do not fill it')
  return sorted
}

function proveFrame(repo, pack, { frameOffset, frameBytes, chunks }) {
  const frame = readFrame(repo, pack, frameOffset, frameBytes)
  demand(frame.size === chunks.length, packKey(pack.id), 'a frame holds other chunks than the footer lists')
  for (const chunk of chunks) provedChunk(repo, pack, frame, chunk, chunk.id)
  return `${pack.id}/${frameOffset}`
}

/** Sees that every chunk of a disk is in a good frame. `seen` holds the nodes that were walked, for whatever disk. */
function proveDisk(repo, disk, goodFrames, seen) {
  const entered = new Set()
  const wants = (id) => !seen.has(hex(id)) && entered.add(hex(id)).size > 0
  for (const { id, length } of chunksOf(repo, disk, wants)) {
    const places = placesOf(repo.index, id)
    demand(places.length > 0, `chunk ${hex(id)}`, 'no pack lists it')
    const isGood = ({ pack, frameOffset, plainBytes }) =>
      plainBytes === length && goodFrames.has(`${pack.id}/${frameOffset}`)
    demand(places.some(isGood), packKey(places[0].pack.id), `chunk ${hex(id)} cannot be read from it`)
  }
  for (const id of entered) seen.add(id)
}

function list(repo) {
  for (const { id, machine, takenAt, consistency, disks } of readPoints(repo)) {
    const sizes = disks.map((disk) => `${disk.id} (${disk.sizeBytes} bytes)`)
    say(`${id}  ${machine.name}  ${takenAt}  ${consistency}  ${sizes.join(', ')}`)
  }
}

// ---- command line ----------------------------------------------------------------------------------------------------

const usage = `Usage: node restore.mjs list | check | restore <point | machine@latest> <output folder>
       [--repo <folder>]… [--passphrase-file <file>]; or the passphrase in HOLDFAST_PASSPHRASE`

function parseArguments(given) {
  const words = []
  const repos = []
  let passphrase = process.env['HOLDFAST_PASSPHRASE']
  for (let i = 0; i < given.length; i++) {
    if (given[i] === '--repo' && i + 1 < given.length) repos.push(given[++i])
    else if (given[i] === '--passphrase-file' && i + 1 < given.length)
      passphrase = fs.readFileSync(given[++i], 'utf8').replace(/\r?\n$/, '')
    else words.push(given[i])
  }
  const wordCounts = { list: 1, check: 1, restore: 3 }
  const isRight = wordCounts[words[0]] === words.length && !words.some((word) => word.startsWith('--'))
  return { words: isRight ? words : [], folders: repos.length > 0 ? repos : [import.meta.dirname], passphrase }
}

function openRepository(given, passphrase) {
  const repo = { folders: openFolders(given.map((folder) => resolve(folder))), index: emptyIndex(), frames: new Map() }
  const found = descriptionKeys.some((key) => repo.folders.some((folder) => fs.existsSync(join(folder, key))))
  if (!found) throw new Error(`There is no Holdfast repository in ${repo.folders[0]}: it has no holdfast.json.`)
  const { id, encrypted, chunkHash } = anyDescription(repo)
  const described = { ...repo, id, chunkHash }
  return encrypted ? { ...described, keys: openKeys(described, passphrase) } : described
}

/** Returns the exit code: 0 done, 1 failed or damaged, 2 wrong use. */
function main({ words: [command, wanted, out], folders, passphrase }) {
  if (command === undefined) {
    warn(usage)
    return 2
  }
  const repo = openRepository(folders, passphrase)
  if (command === 'restore') {
    // Damage that the restore could do without was reported, and is no failure of it.
    const point = choosePoint(readPoints(repo), wanted)
    loadIndex(repo)
    restorePoint(repo, point, resolve(out))
    return 0
  }
  if (command === 'list') list(repo)
  else check(repo)
  return attempt.failures > 0 ? 1 : 0
}

// Whoever read the output may have seen enough.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  process.exitCode = main(parseArguments(process.argv.slice(2)))
} catch (error) {
  warn(`error: ${error.message}`)
  process.exitCode = 1
}
