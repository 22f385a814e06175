import type { MachineRef } from '@holdfast/core'
import { describe, expect, it } from 'vitest'
import { agentSocket } from '../src/agent-socket.js'
import { type GuestAgentQuiesceOptions, guestAgentQuiesce, plugin } from '../src/index.js'

const socket = '/run/vms/{name}.agent'
const machine = (name: string, id = 'id-1'): MachineRef => ({ id: id as MachineRef['id'], name })

describe('wrong options', () => {
  it.each<readonly [unknown, string]>([
    [{}, 'either socket or sockets'],
    [{ socket, sockets: { db: '/a' } }, 'either socket or sockets'],
    [{ socket: '/run/vm.agent' }, 'every machine would have the same socket'],
    [{ socket: '/run/{vm}/{name}' }, "'{vm}' is unknown"],
    [{ socket: '' }, 'socket: '],
    [{ sockets: { db: '' } }, 'sockets.db: expected the path of a socket'],
    [{ sockets: { db: 'a\0b' } }, 'NUL'],
    [{ socket, maxFreeze: '0s' }, "maxFreeze: '0s' is not between 1ms and 24h"],
    [{ socket, timeout: 5 }, 'timeout: expected a duration such as 30s'],
    [{ socket, timeout: 'soon' }, "timeout: 'soon' is not a duration"],
    [{ socket, consistency: 'crash' }, 'consistency: '],
    [{ socket, mountpoints: [] }, 'at least one mount point'],
    [{ socket, mountpoints: ['/', '/'] }, 'listed twice'],
    [{ socket, mountpoint: ['/'] }, 'mountpoint'],
  ])('%j are refused, naming the option', (options, message) => {
    expect(() => guestAgentQuiesce(options as GuestAgentQuiesceOptions)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG', message: expect.stringContaining(message) }),
    )
  })
})

describe('the plugin', () => {
  it('is found and made by a config', async () => {
    const result = await plugin.options['~standard'].validate({ socket, timeout: '5s', mountpoints: ['/'] })
    if (result.issues !== undefined) throw new Error('refused')
    expect(plugin.create(result.value)).toMatchObject({ kind: 'quiesce', id: 'guest-agent', apiVersion: 1 })
    expect(plugin.options['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })).toMatchObject({
      properties: { socket: {}, sockets: {}, mountpoints: { type: 'array' } },
    })
  })

  it('declares what its options say', () => {
    expect(guestAgentQuiesce({ socket }).capabilities).toMatchObject({
      channel: 'guest-agent',
      consistency: 'filesystem',
      maxFreezeMs: 30_000,
    })
    const other = guestAgentQuiesce({ socket, consistency: 'application', maxFreeze: '10s' })
    expect(other.capabilities).toMatchObject({ consistency: 'application', maxFreezeMs: 10_000 })
  })
})

describe('the socket of a machine', () => {
  it('is the template with its name and id, from the folder of the config', () => {
    expect(agentSocket({ socket }, machine('db $& 1'), '/etc')).toBe('/run/vms/db $& 1.agent')
    expect(agentSocket({ socket: 'ga/{id}-{name}-{id}' }, machine('db', 'x'), '/etc')).toBe('/etc/ga/x-db-x')
    expect(agentSocket({ socket: '{name}' }, machine('{id}'), '/etc')).toBe('/etc/{id}')
  })

  it('is the entry of its id, then that of its name', () => {
    const sockets = { 'id-1': '/by-id', db: 'by-name' }
    expect(agentSocket({ sockets }, machine('db'), '/etc')).toBe('/by-id')
    expect(agentSocket({ sockets }, machine('db', 'other'), '/etc')).toBe('/etc/by-name')
    expect(() => agentSocket({ sockets }, machine('constructor', 'toString'), '/etc')).toThrow("'constructor'")
  })

  it.each(['../x', 'a/b', 'a\\b', '.', '..', '', 'a\0b', 'a\nb'])('is refused where the name is %j', (name) => {
    expect(() => agentSocket({ socket }, machine(name), '/')).toThrow(
      expect.objectContaining({ code: 'E_FREEZE', hint: expect.stringContaining('{id}') }),
    )
    expect(() => agentSocket({ socket: '/run/{id}' }, machine('db', name), '/')).toThrow('cannot be part of a path')
  })
})
