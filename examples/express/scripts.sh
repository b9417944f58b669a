#!/usr/bin/env bash
# Asks a running app: scripts.sh whatsapp-status | whatsapp-sync | whatsapp-cleanup [--dry-run]
# WA_SYNC_URL (default http://127.0.0.1:3000/whatsapp), WA_SYNC_TOKEN, and WA_SYNC_SESSION for another than the current
# session.
set -euo pipefail

url="${WA_SYNC_URL:-http://127.0.0.1:3000/whatsapp}"

ask() {
  local method="$1" path="$2" body="${3:-}"
  : "${WA_SYNC_TOKEN:?is missing: the token of the endpoints}"
  # The token goes in by stdin: on the command line every user of the machine could read it.
  printf 'header = "Authorization: Bearer %s"\n' "$WA_SYNC_TOKEN" |
    curl --config - --silent --show-error --fail-with-body --request "$method" \
      ${body:+--header 'Content-Type: application/json' --data "$body"} "$url$path"
  echo
}

usage() {
  echo "Usage: $0 whatsapp-status | whatsapp-sync | whatsapp-cleanup [--dry-run]" >&2
  exit 1
}

query=""
if [ -n "${WA_SYNC_SESSION:-}" ]; then query="?sessionId=$WA_SYNC_SESSION"; fi

case "${1:-}" in
  whatsapp-status) ask GET "/status$query" ;;
  whatsapp-sync) if [ -n "$query" ]; then ask POST "/sync-status$query"; else ask POST /sync-all-sessions; fi ;;
  whatsapp-cleanup)
    case "${2:-}" in
      '') ask POST /cleanup-sessions ;;
      --dry-run) ask POST /cleanup-sessions '{"dryRun":true}' ;;
      *) usage ;;
    esac
    ;;
  *) usage ;;
esac
