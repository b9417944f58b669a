import { script, scriptOnce } from '../driver/run-script.js';
import { ROWS } from './script-parts.js';

/**
 * Arguments: session id, the entry before which to begin or nothing as an empty text, limit. Returns id, session and
 * text of each, the newest first.
 */
export const changesOfScript = script(
  ROWS,
  `
  local range, before = rangeOf(args[1]), args[2]
  local top = '(' .. range .. (before ~= '' and placeOf(before) or '\\255')
  local found = {}
  for _, member in ipairs(redis.call('ZREVRANGEBYLEX', CHANGED, top, '(' .. range, 'LIMIT', 0, args[3])) do
    local entry = entryAt(string.sub(member, #range + 1))
    local kept = redis.call('XRANGE', FEED, entry, entry)[1]
    if kept then
      for _, value in ipairs({ entry, kept[2][1], kept[2][2] }) do found[#found + 1] = value end
    end
  end
  return found`,
);

/**
 * Arguments: the entry after which to begin, or an empty text for now; limit. Returns
 * `[next, 1 where something may have been missed, id, session and text of each]`, the oldest first.
 */
export const changesSinceScript = script(
  ROWS,
  `
  local after, last = args[1], '0-0'
  local stream = redis.pcall('XINFO', 'STREAM', FEED)
  for index = 1, #stream, 2 do
    if stream[index] == 'last-generated-id' then last = stream[index + 1] end
  end
  if after == '' then return { last, 0, {} } end
  -- A server that lost its last writes never gave it out, as far as it knows.
  if isLater(after, last) then return { last, 1, {} } end
  local page, found = redis.call('XRANGE', FEED, '(' .. after, '+', 'COUNT', args[2]), {}
  for _, entry in ipairs(page) do
    for _, value in ipairs({ entry[1], entry[2][1], entry[2][2] }) do found[#found + 1] = value end
  end
  local forgotten = redis.call('HGET', META, 'forgotten')
  return { #page == tonumber(args[2]) and page[#page][1] or last, forgotten and isLater(forgotten, after) and 1 or 0, found }`,
);

/** Arguments: milliseconds to be kept, limit. Returns how many were forgotten. */
export const pruneChangesScript = scriptOnce(
  ROWS,
  `
  local count = 0
  for _, entry in ipairs(redis.call('XRANGE', FEED, '-', '+', 'COUNT', args[2])) do
    if cjson.decode(entry[2][2])[1] >= now - tonumber(args[1]) then break end
    forgetEntry(entry[1], entry[2][1])
    count = count + 1
  end
  return count`,
);
