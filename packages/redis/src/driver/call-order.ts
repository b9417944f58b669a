/**
 * Part of every script whose calls of one process are numbered: one that was given up when a connection broke may arrive after a newer one, and a fence by tenure does not
 * tell them apart. Sent twice, a call is itself again. A field of the order is process and number of the last call that changed credentials, then the same of the last wish.
 */
export const CALL_ORDER = `
local function placesOf(reached)
  local auth, wish = string.match(reached or '', '^(%S+ %d+) ?(.*)$')
  return auth or '- 0', wish or ''
end

local function isBehind(place, writer, number)
  local last, no = string.match(place, '^(%S+) (%d+)$')
  return last == writer and tonumber(no) > tonumber(number)
end

local function withAuth(reached, place)
  local _, wish = placesOf(reached)
  return wish == '' and place or place .. ' ' .. wish
end

local function withWish(reached, place)
  local auth = placesOf(reached)
  return auth .. ' ' .. place
end
`;
