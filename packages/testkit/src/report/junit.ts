import { type CheckResult, type ConformanceReport, countResults } from './report.js'

/** Renders a report as JUnit XML, the form that build servers read. */
export function renderJUnit(report: ConformanceReport): string {
  const { failed, 'not-applicable': skipped } = countResults(report)
  const totalMs = report.results.reduce((sum, { durationMs }) => sum + durationMs, 0)
  const suite = `${report.kind} ${report.plugin}`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="holdfast conformance" tests="${report.results.length}" failures="${failed}" skipped="${skipped}" time="${seconds(totalMs)}">`,
    `  <testsuite name="${escapeXml(suite)}" tests="${report.results.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${seconds(totalMs)}">`,
    '    <properties>',
    ...Object.entries(report.capabilities).map(
      ([name, value]) => `      <property name="${escapeXml(name)}" value="${escapeXml(String(value))}"/>`,
    ),
    '    </properties>',
    ...report.results.map((result) => testCase(suite, result)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase(suite: string, { id, title, status, reason = '', durationMs }: CheckResult): string {
  const head = `    <testcase classname="${escapeXml(suite)}" name="${escapeXml(`${id}: ${title}`)}" time="${seconds(durationMs)}"`
  if (status === 'passed') return `${head}/>`
  const tag = status === 'failed' ? 'failure' : 'skipped'
  return `${head}><${tag} message="${escapeXml(reason)}"/></testcase>`
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

function escapeXml(text: string): string {
  return Array.from(text.toWellFormed(), (char) => entities[char] ?? (isXmlText(char) ? char : '\ufffd')).join('')
}

/** Control characters have no place in XML 1.0, not even escaped. */
function isXmlText(char: string): boolean {
  return char >= ' ' && char !== '\ufffe' && char !== '\uffff'
}
