import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { BackupError, bootFailed, type DiskId, wrapTarget } from '@holdfast/core'
import { imageOf } from '@holdfast/testkit/images'
import { bootSector } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { bootingOtherwise, bootLab, login, shown, witness } from './support/boot-lab.js'

const soon = { ...login, timeoutMs: 300 }

describe('verifyBoot', () => {
  test('boots what it restored, stores what it saw, and leaves nothing behind', async () => {
    const { boot, points, source, target, events } = await bootLab()
    const before = source.inventory()
    const { evidence, note } = await boot()
    expect(evidence).toMatchObject({
      format: 1,
      level: 'boot',
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      by: witness,
      source: 'memory',
      probe: login,
      disks: 'restored',
      passed: true,
      output: expect.stringMatching(/^SeaMemory\nBooting from Hard Disk\.\.\.\n.*memory login:$/s),
      outputSha256: createHash('sha256')
        .update('SeaMemory\r\nBooting from Hard Disk...\r\n\x1b[2JMemory GNU/Nothing ttyS0\r\n\r\nmemory login: ')
        .digest('hex'),
    })
    if (!evidence.passed) throw new Error(evidence.evidence)
    const { bootMs, restoreMs, totalMs } = evidence
    expect(bootMs + restoreMs).toBeLessThanOrEqual(totalMs + 1)
    expect(source.inventory()).toEqual(before)
    const [entry] = await points(target)
    expect(entry?.verifications).toEqual([evidence])
    expect(note).toMatch(/^verified\/[0-9a-f]{32}\/\d{8}T\d{6}Z-[0-9a-f]{12}\/[0-9a-f]{16}$/)
    expect(target.plugin.objects.keys()).toContain(note)
    const shown = events.filter(({ type }) => type.startsWith('boot-'))
    expect(shown).toMatchObject([
      {
        type: 'boot-started',
        machine: 'web',
        name: expect.stringMatching(/^web-verify-[0-9a-f]{8}$/),
        source: 'memory',
      },
      { type: 'boot-finished', machine: 'web', passed: true, bootMs, restoreMs, totalMs },
    ])
  })

  test('a point that does not boot is evidence too, with what was seen last', async () => {
    const { boot, points, source, target } = await bootLab({}, { boots: false })
    const before = source.inventory()
    const { evidence } = await boot({ probe: soon })
    expect(evidence).toMatchObject({
      passed: false,
      probe: soon,
      error: { code: 'E_BOOT', message: expect.stringContaining('No bootable device.') },
    })
    expect(evidence).not.toHaveProperty('bootMs')
    expect(source.inventory()).toEqual(before)
    expect((await points(target))[0]?.verifications).toEqual([evidence])
  })

  test('a point that cannot be restored does not boot', async () => {
    const { boot, source, target } = await bootLab()
    const before = source.inventory()
    const packs = target.plugin.objects.keys().filter((key) => key.startsWith('packs/'))
    for (const key of packs) {
      const bytes = target.plugin.objects.find(key)?.bytes.slice() ?? new Uint8Array()
      bytes.fill(0x5a, 70, bytes.length - 300)
      target.plugin.objects.overwrite(key, bytes)
    }
    expect((await boot()).evidence).toMatchObject({ passed: false, error: { code: 'E_DAMAGED' } })
    expect(source.inventory()).toEqual(before)
  })

  test.each([
    [{ kind: 'agent', timeoutMs: 5_000 }, true],
    [{ kind: 'command', command: 'echo all is well', timeoutMs: 5_000 }, true],
    [{ kind: 'command', command: 'systemctl is-active db', timeoutMs: 5_000 }, false],
  ] as const)('%j answers: %j', async (probe, passed) => {
    const { boot } = await bootLab()
    const { evidence } = await boot({ probe })
    expect(evidence.passed).toBe(passed)
    if (evidence.passed && probe.kind === 'command') expect(evidence.output).toBe('all is well')
  })

  test('boots over exports without restoring anything, never writes to them, and closes them when the machine is gone', async () => {
    const kept = new Map<string, Uint8Array>()
    const { boot, source, events } = await bootLab({ exported: (uri) => imageOf(kept.get(uri) ?? new Uint8Array()) })
    const contents = new Map(['root', 'data'].map((disk) => [disk as DiskId, `nbd+unix:///${disk}?socket=/tmp/x`]))
    for (const [disk, uri] of contents) kept.set(uri, source.bytes('web', disk))
    const before = new Map([...kept].map(([uri, bytes]) => [uri, bytes.slice()]))
    const machines = source.inventory()
    const left: (readonly string[])[] = []
    const opensIn200Ms = async () => {
      await setTimeout(200)
      return { ...shown(contents), [Symbol.asyncDispose]: async () => void left.push(source.inventory()) }
    }
    const { evidence } = await boot({ contents: opensIn200Ms })
    expect(evidence).toMatchObject({ passed: true, disks: 'overlay' })
    expect(evidence.restoreMs).toBeGreaterThanOrEqual(199)
    expect(events.map(({ type }) => type)).toEqual(['boot-started', 'boot-finished'])
    expect([...kept].map(([uri, bytes]) => Buffer.compare(bytes, before.get(uri) ?? new Uint8Array()))).toEqual([0, 0])
    expect(left).toEqual([machines])
  })

  test('refuses contents that the source does not take, and those of other disks', async () => {
    const all = new Map([
      ['root' as DiskId, 'nbd://x/root'],
      ['data' as DiskId, 'nbd://x/data'],
    ])
    let opened = 0
    const never = async () => {
      opened++
      return shown(all)
    }
    await expect((await bootLab()).boot({ contents: never })).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    expect(opened).toBe(0)
    const { boot } = await bootLab({ exported: () => imageOf(new Uint8Array(1)) })
    const contents = async () => shown(all)
    all.set('other' as DiskId, 'nbd://x/other')
    await expect(boot({ contents })).rejects.toMatchObject({ code: 'E_USAGE' })
    all.delete('data' as DiskId)
    await expect(boot({ contents })).rejects.toMatchObject({ code: 'E_USAGE' })
    all.delete('other' as DiskId)
    await expect(boot({ contents })).rejects.toMatchObject({ code: 'E_USAGE' })
  })

  describe('over exports', () => {
    const uris = new Map([
      ['root' as DiskId, 'nbd://x/root'],
      ['data' as DiskId, 'nbd://x/data'],
    ])
    const damage = new BackupError('E_DAMAGED', "Disk 'root' of web cannot be read: chunk 4711 is damaged.")
    const away = new BackupError('E_TARGET_UNAVAILABLE', 'The vault is away.')
    const lab = (sector: Uint8Array) => bootLab({ exported: () => imageOf(sector) })
    const failing = (failure: unknown) => async () => shown(uris, failure)

    test('what the disks failed with is why a machine did not boot, when it is damage', async () => {
      const { boot, points, source, target } = await lab(new Uint8Array(512))
      const before = source.inventory()
      const { evidence } = await boot({ probe: soon, contents: failing(damage) })
      expect(evidence).toMatchObject({
        passed: false,
        disks: 'overlay',
        error: { code: 'E_DAMAGED', message: damage.message },
      })
      expect((await points(target))[0]?.verifications).toEqual([evidence])
      expect(source.inventory()).toEqual(before)
    })

    test('damage is a failure also of a machine that came up without what is damaged', async () => {
      const { boot } = await lab(bootSector())
      const { evidence } = await boot({ contents: failing(damage) })
      expect(evidence).toMatchObject({
        passed: false,
        error: { code: 'E_DAMAGED', message: expect.stringMatching(/came up.*chunk 4711 is damaged/) },
      })
    })

    test('a target that is away says nothing about the point, unless the machine came up all the same', async () => {
      const dead = await lab(new Uint8Array(512))
      await expect(dead.boot({ probe: soon, contents: failing(away) })).rejects.toBe(away)
      expect((await dead.points(dead.target))[0]?.verifications).toEqual([])
      const { boot } = await lab(bootSector())
      expect((await boot({ contents: failing(away) })).evidence).toMatchObject({ passed: true })
    })

    test('disks that cannot be opened are damaged, or say nothing about the point', async () => {
      const { boot, points, target } = await lab(bootSector())
      const throwing = (error: unknown) => async () => {
        throw error
      }
      await expect(boot({ contents: throwing(away) })).rejects.toBe(away)
      expect((await points(target))[0]?.verifications).toEqual([])
      const { evidence } = await boot({ contents: throwing(damage) })
      expect(evidence).toMatchObject({ passed: false, disks: 'overlay', error: { code: 'E_DAMAGED' } })
    })

    test('being stopped is no evidence, whatever was damaged', async () => {
      const { boot, points, target } = await lab(bootSector())
      const stop = new AbortController()
      setTimeout(100).then(() => stop.abort(new BackupError('E_ABORTED', 'Stopped.')))
      const probe = { ...login, pattern: 'never' }
      const booting = boot({ probe, signal: stop.signal, contents: failing(damage) })
      await expect(booting).rejects.toMatchObject({ code: 'E_ABORTED' })
      expect((await points(target))[0]?.verifications).toEqual([])
    })
  })

  test('refuses a source that boots nothing, and a probe without bounds', async () => {
    const { boot, points, target } = await bootLab({ boot: false })
    await expect(boot()).rejects.toMatchObject({ code: 'E_UNSUPPORTED', hint: expect.stringContaining('plugins') })
    const other = await bootLab()
    await expect(other.boot({ probe: { ...login, timeoutMs: Number.NaN } })).rejects.toMatchObject({ code: 'E_CONFIG' })
    expect((await points(target))[0]?.verifications).toEqual([])
  })

  test('what says nothing about the point is thrown, and no evidence', async () => {
    const { boot, points, source, target } = await bootLab()
    const before = source.inventory()
    const full = bootingOtherwise(
      source,
      (inner) => inner,
      ({ disks }) => ({
        disks: disks.map((disk) => ({
          ...disk,
          write: async () => {
            throw new BackupError('E_PLACEMENT', 'There is no room left.')
          },
        })),
      }),
    )
    await expect(boot({}, full)).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    const away = bootingOtherwise(source, () => async () => {
      throw new BackupError('E_SOURCE_UNAVAILABLE', 'The hypervisor is away.')
    })
    await expect(boot({}, away)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' })
    const deaf = bootingOtherwise(source, () => async () => {
      throw new BackupError('E_TIMEOUT', 'No answer.')
    })
    await expect(boot({}, deaf)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    const abort = new AbortController()
    setTimeout(300).then(() => abort.abort(new BackupError('E_ABORTED', 'Stopped.')))
    const never = { ...login, pattern: 'never' }
    await expect(boot({ probe: never, signal: abort.signal })).rejects.toMatchObject({ code: 'E_ABORTED' })
    const lacking = bootingOtherwise(source, () => undefined)
    await expect(boot({}, lacking)).rejects.toMatchObject({ code: 'E_PLUGIN_INVALID' })
    expect(source.inventory()).toEqual(before)
    expect((await points(target))[0]?.verifications).toEqual([])
  })

  test('a machine that cannot be thrown away is told of, and its evidence is kept', async () => {
    const { boot, points, source, target } = await bootLab()
    const stays = (placed: { readonly [Symbol.asyncDispose]: () => PromiseLike<void> }) => ({
      [Symbol.asyncDispose]: async () => {
        await placed[Symbol.asyncDispose]()
        throw new BackupError('E_SOURCE_UNAVAILABLE', 'It is still there.')
      },
    })
    await expect(
      boot(
        {},
        bootingOtherwise(source, (inner) => inner, stays),
      ),
    ).rejects.toThrow('It is still there.')
    const failing = bootingOtherwise(
      source,
      () => async (probe) => {
        throw bootFailed('memory', probe, 'It ended.', '')
      },
      stays,
    )
    await expect(boot({}, failing)).rejects.toThrow('It is still there.')
    const kept = (await points(target))[0]?.verifications ?? []
    expect(kept.map((one) => one.level === 'boot' && one.passed)).toEqual([true, false])
  })

  test('what a source claims and a guest prints is bounded before it is stored', async () => {
    const { boot, source, target, points, events } = await bootLab()
    const output = `${'x'.repeat(9_000_000)}\x1b[31m\u202e tail\ud800`
    const chatty = bootingOtherwise(source, (inner) => async (...call) => ({
      ...(await inner(...call)),
      bootMs: Number.NaN,
      evidence: output,
    }))
    const { evidence, note } = await boot({ name: `${'n'.repeat(500)}` }, chatty)
    if (!evidence.passed) throw new Error(evidence.evidence)
    expect(Buffer.byteLength(evidence.output)).toBeLessThanOrEqual(4096)
    expect(evidence.output).toMatch(/^x+\ufffd tail\ufffd$/)
    expect(evidence.bootMs).toBeGreaterThanOrEqual(0)
    expect(events).toContainEqual(
      expect.objectContaining({ name: expect.stringMatching(/^n{64}-verify-[0-9a-f]{8}$/) }),
    )
    expect(target.plugin.objects.find(note ?? ('' as never))?.bytes.length).toBeLessThan(16_384)
    const rude = bootingOtherwise(source, () => async () => {
      throw new BackupError('E_BOOT', `\x07${'y'.repeat(100_000)}`)
    })
    const failed = await boot({}, rude)
    if (failed.evidence.passed) throw new Error('it passed')
    expect(failed.evidence.error.message).toMatch(/^y{4096}$/)
    expect((await points(target))[0]?.verifications).toHaveLength(2)
  })

  test('evidence that the target does not take is in the report alone', async () => {
    const { boot, target, events, points } = await bootLab()
    const full = wrapTarget(target.plugin, (session) => ({
      ...session,
      put: async (key) => {
        throw new BackupError('E_TARGET_READ_ONLY', `${key} is not taken.`)
      },
    }))
    const { evidence, note } = await boot({}, undefined, { ...target, plugin: full })
    expect([evidence.passed, note]).toEqual([true, undefined])
    expect(events).toContainEqual({ type: 'step', message: expect.stringContaining('could not be noted') })
    expect((await points(target))[0]?.verifications).toEqual([])
  })
})
