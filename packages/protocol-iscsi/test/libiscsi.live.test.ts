import { spawn } from 'node:child_process'
import { skipsWithout } from 'holdfast-lab'
import { describe, expect, it } from 'vitest'
import { type FakeTargetOptions, startFakeTarget } from '../src/testing/index.js'
import { memoryDisk } from './support/memory-disk.js'

/** Runs a program of libiscsi to its end, without blocking the target in this process. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return `${said}status ${status}`
}

const chap = { name: 'user', secret: 'secret-of-user1' }
const mutual = { name: 'library', secret: 'secret-of-library' }
const fullChap = { target_user: mutual.name, target_password: mutual.secret }

describe.skipIf(skipsWithout('libiscsi-bin'))('the fake target, asked by libiscsi', () => {
  const cases: readonly (readonly [string, FakeTargetOptions, string, Readonly<Record<string, string>>])[] = [
    ['without a proof', {}, '', {}],
    ['with digests of headers', { parameters: { headerDigest: true } }, '', { header_digest: 'crc32c' }],
    ['with CHAP', { chap }, 'user%secret-of-user1@', {}],
    ['with CHAP both ways', { chap: { ...chap, mutual } }, 'user%secret-of-user1@', fullChap],
  ]
  it.each(cases)('%s tells of its units', async (_how, options, user, query) => {
    const units = new Map([
      [0, memoryDisk(2 ** 22)],
      [3, memoryDisk(2 ** 20)],
    ])
    await using target = await startFakeTarget({ units, ...options })
    const portal = `iscsi://${user}${target.host}:${target.port}`
    const search = `?${new URLSearchParams(query)}`
    const list = await run('iscsi-ls', '-s', `${portal}${search}`)
    expect(list).toContain(`Target:${target.name} Portal:${target.host}:${target.port},1`)
    expect(list).toMatch(/Lun:0 +Type:DIRECT_ACCESS \(Size:3M\)\nLun:3 +Type:DIRECT_ACCESS/)
    expect(await run('iscsi-inq', `${portal}/${target.name}/3${search}`)).toMatch(/Product:MEMORY DISK.*status 0$/s)
    const capacity = await run('iscsi-readcapacity16', `${portal}/${target.name}/0${search}`)
    expect(capacity).toContain(`Total size:${2 ** 22}`)
  })

  it('refuses who does not know the secret', async () => {
    await using target = await startFakeTarget({ units: new Map([[0, memoryDisk(2 ** 20)]]), chap })
    const place = `${target.host}:${target.port}/${target.name}/0`
    expect(await run('iscsi-inq', `iscsi://user%wrong@${place}`)).not.toContain('MEMORY DISK')
    expect(await run('iscsi-inq', `iscsi://user%secret-of-user1@${place}`)).toContain('MEMORY DISK')
  })

  // Failed asserts are in the last but one column; a suite that is skipped has no asserts.
  it.each(['Read10.Simple', 'Write10.Simple', 'Read16.Simple', 'iSCSIcmdsn', 'iSCSITMF'])(
    'passes %s of its test suite',
    async (name) => {
      await using target = await startFakeTarget({ units: new Map([[0, memoryDisk(2 ** 22)]]) })
      const url = `iscsi://${target.host}:${target.port}/${target.name}/0`
      const said = await run('iscsi-test-cu', '--dataloss', `--test=ALL.${name}`, url)
      expect(said).toMatch(/asserts +[1-9][0-9]* +[1-9][0-9]* +[1-9][0-9]* +0 /)
    },
  )
})
