import { describe, expect, it } from 'vitest'
import { addressFromUri, isNbdError, uriOfTarget } from '../src/index.js'

describe('NBD URIs', () => {
  it.each([
    ['nbd://host:1234/name', { address: { host: 'host', port: 1234 }, exportName: 'name', isTls: false }],
    ['nbd://host', { address: { host: 'host', port: 10_809 }, exportName: '', isTls: false }],
    ['nbd://', { address: { host: 'localhost', port: 10_809 }, exportName: '', isTls: false }],
    ['nbds://[::1]/a%20b', { address: { host: '::1', port: 10_809 }, exportName: 'a b', isTls: true }],
    ['nbd+unix:///name?socket=/run/x', { address: { path: '/run/x' }, exportName: 'name', isTls: false }],
    ['nbd+unix://?socket=/run/x', { address: { path: '/run/x' }, exportName: '', isTls: false }],
    ['nbds+unix:////slash?socket=/a%20b', { address: { path: '/a b' }, exportName: '/slash', isTls: true }],
  ])('reads %s', (uri, target) => {
    expect(addressFromUri(uri)).toEqual(target)
  })

  it.each([
    'http://host/name',
    'nbd',
    '',
    'nbd+unix:///name',
    'nbd+unix:///name?socket=',
    'nbd+unix://host/name?socket=/x',
    'nbd://host/name?socket=/x',
    'nbd://host/%',
    'nbd://host:99999/',
  ])('refuses %s', (uri) => {
    expect(() => addressFromUri(uri)).toThrow(
      expect.toSatisfy((error) => isNbdError(error) && error.code === 'invalid'),
    )
  })

  it.each(['', 'name', '..', 'a/../b', '/a//b', 'ä ö?#%&', '%41'])('writes what it reads back: %s', (exportName) => {
    for (const isTls of [false, true])
      for (const address of [{ path: '/tmp/a b?&#/s' }, { host: '::1', port: 5 }, { host: 'a.b', port: 10_809 }]) {
        const target = { address, exportName, isTls }
        expect(addressFromUri(uriOfTarget(target))).toEqual(target)
      }
  })
})
