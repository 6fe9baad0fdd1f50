#!/usr/bin/env bash
# Reads conversation 1 in three dialects from a running `make run`. Starts nothing, changes nothing.
set -euo pipefail

gateway=${1:-http://127.0.0.1:8080}

ask() {
  printf '\n── %s\n$ curl' "$1"
  printf ' %q' "${@:2}"
  printf '\n'
  curl --silent --show-error --fail-with-body --include "${@:2}"
  printf '\n'
}

ask "public inbox" \
  "$gateway/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1"

ask "account" \
  -H 'api_access_token: demo-agent' \
  "$gateway/api/v1/accounts/1/conversations/1"

ask "third party" \
  -H 'Authorization: Bearer demo-bearer' \
  "$gateway/third-party/v1/conversations/1"
