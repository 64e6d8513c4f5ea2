"""What a person with a calendar says of calls while the clock changes to summer time and back; all times are UTC."""

from tests.unit.expected_calls.table import Table

# 6:00 is 11:00 UTC until 7 March, and from 8 March on 10:00 UTC.
SIX_IN_NEW_YORK_IN_SPRING = Table(
    *("6:00 in New York, spring", "0 6 * * *", "America/New_York", "2026-"),
    before="03-06 11:00:03, 03-07 11:00:03",
    lines="""
    situation                    | now            | missed      | late since  | what happened
    early: by the grace          | 03-08 10:16    |             |             | before, 03-08 09:45
    early: by a second more      | 03-08 10:16    | 03-08 10:00 | 03-08 10:00 | before, 03-08 09:44:59
    late, there: by the old time | 03-08 12:00    |             |             | before, 03-08 11:00:03
    late, not there: in time     | 03-08 10:15    |             |             | before
    late, not there              | 03-08 10:15:01 | 03-08 10:00 | 03-08 10:00 | before
    doubled: by both times       | 03-08 12:00    |             |             | before, 03-08 10:00:03, 11:00:03
    doubled: the next is missing | 03-08 10:16    | 03-08 10:00 | 03-08 10:00 | before, 03-07 11:00:33
    missing: the last before     | 03-08 10:30    | 03-07 11:00 |             | 03-06 11:00:03, 03-08 10:00:03
    missing: both                | 03-08 10:16    | 03-07 11:00, 03-08 10:00 | 03-07 11:00 | 03-06 11:00:03
    by hand                      | 03-08 10:16    | 03-08 10:00 | 03-08 10:00 | before, by hand 03-08 10:00:10
    cleanup                      | 03-08 12:00    |             | \
        | before, 03-08 10:00:03, cleanup 03-07 12:00
    cleanup: not yet there       | 03-08 10:16    | 03-08 10:00 | 03-08 10:00 | before, cleanup 03-07 10:16
    resumed                      | 03-08 12:00    |             | \
        | before, pause 03-07 20:00, resume 03-08 10:30
    resumed: no call since       | 03-09 10:16    | 03-09 10:00 | 03-09 10:00 \
        | before, pause 03-07 20:00, resume 03-08 10:30
    resumed: in time             | 03-08 10:16    | 03-08 10:00 | 03-08 10:00 \
        | before, pause 03-07 20:00, resume 03-08 09:30
    first start                  | 03-08 10:15    |             |             | 03-08 03:00
    first start: once alone      | 03-08 10:15:01 | 03-08 10:00 | 03-08 10:00 | 03-08 03:00
    first start: by the old time | 03-08 12:00    |             |             | 03-08 11:00:03
    """,
)
# 6:00 is 10:00 UTC until 31 October, and from 1 November on 11:00 UTC.
SIX_IN_NEW_YORK_IN_AUTUMN = Table(
    *("6:00 in New York, autumn", "0 6 * * *", "America/New_York", "2026-"),
    before="10-30 10:00:03, 10-31 10:00:03",
    lines="""
    situation                        | now            | missed      | late since  | what happened
    early: by the grace              | 11-01 11:16    |             |             | before, 11-01 10:45
    early: by a second more          | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 | before, 11-01 10:44:59
    early: by the old time           | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 | before, 11-01 10:00:03
    late, there                      | 11-01 13:01    |             |             | before, 11-01 13:00
    late, not there: by the old time | 11-01 10:30    |             |             | before
    late, not there: in time         | 11-01 11:15    |             |             | before
    late, not there                  | 11-01 11:15:01 | 11-01 11:00 | 11-01 11:00 | before
    doubled: by both times           | 11-01 12:00    |             |             | before, 11-01 10:00:03, 11:00:03
    doubled: the next is missing     | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 | before, 10-31 10:01
    missing: the last before         | 11-01 11:15    | 10-31 10:00 | 10-31 10:00 | 10-30 10:00:03
    missing: both                    | 11-01 11:16    | 11-01 11:00 | 10-31 10:00 | 10-30 10:00:03
    by hand                          | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 | before, by hand 11-01 11:00:10
    cleanup                          | 11-01 12:00    |             | \
        | before, 11-01 11:00:03, cleanup 10-31 12:00
    cleanup: not yet there           | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 | before, cleanup 10-31 11:16
    resumed                          | 11-01 12:00    |             | \
        | before, pause 10-31 20:00, resume 11-01 11:30
    resumed: no call since           | 11-02 11:16    | 11-02 11:00 | 11-02 11:00 \
        | before, pause 10-31 20:00, resume 11-01 11:30
    resumed: in time                 | 11-01 11:16    | 11-01 11:00 | 11-01 11:00 \
        | before, pause 10-31 20:00, resume 11-01 10:30
    first start                      | 11-01 11:15    |             |             | 11-01 03:00
    first start: once alone          | 11-01 11:15:01 | 11-01 11:00 | 11-01 11:00 | 11-01 03:00
    """,
)
# 2:30 is 1:30 UTC until 28 March, and 0:30 UTC from 30 March on. Between them there is none: cron runs at 3:00,
# which is 1:00 UTC.
HALF_PAST_TWO_IN_BERLIN_IN_SPRING = Table(
    *("2:30 in Berlin, spring", "30 2 * * *", "Europe/Berlin", "2026-"),
    before="03-27 01:30:03, 03-28 01:30:03",
    lines="""
    situation                    | now            | missed      | late since  | what happened
    early: by the grace          | 03-29 01:16    |             |             | before, 03-29 00:45
    early: by a second more      | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 | before, 03-29 00:44:59
    early: by the new time       | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 | before, 03-29 00:30:03
    late, there: by the old time | 03-29 01:31    |             |             | before, 03-29 01:30:03
    late, not there: in time     | 03-29 01:15    |             |             | before
    late, not there              | 03-29 01:15:01 | 03-29 01:00 | 03-29 01:00 | before
    late, not there: a day after | 03-30 00:45:01 | 03-30 00:30 | 03-30 00:30 | before, 03-29 01:00:03
    doubled: by both times       | 03-29 12:00    |             |             | before, 03-29 01:00:03, 01:30:03
    doubled: the next is missing | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 | before, 03-28 01:30:33
    missing: the last before     | 03-29 01:16    | 03-28 01:30 |             | 03-27 01:30:03, 03-29 01:00:03
    missing: both                | 03-29 01:16    | 03-28 01:30, 03-29 01:00 | 03-28 01:30 | 03-27 01:30:03
    by hand                      | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 | before, by hand 03-29 01:00:10
    cleanup                      | 03-29 12:00    |             | \
        | before, 03-29 01:00:03, cleanup 03-28 12:00
    cleanup: not yet there       | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 | before, cleanup 03-28 01:16
    resumed                      | 03-29 12:00    |             | \
        | before, pause 03-28 20:00, resume 03-29 01:10
    resumed: no call since       | 03-30 00:46    | 03-30 00:30 | 03-30 00:30 \
        | before, pause 03-28 20:00, resume 03-29 01:10
    resumed: in time             | 03-29 01:16    | 03-29 01:00 | 03-29 01:00 \
        | before, pause 03-28 20:00, resume 03-29 00:50
    first start                  | 03-29 01:15    |             |             | 03-28 20:00
    first start: once alone      | 03-29 01:15:01 | 03-29 01:00 | 03-29 01:00 | 03-28 20:00
    first start: by the old time | 03-29 12:00    |             |             | 03-29 01:30:03
    """,
)
# 2:30 is 0:30 UTC until 24 October, and 1:30 UTC from the 26th on. Between them there are two: cron runs at the first.
HALF_PAST_TWO_IN_BERLIN_IN_AUTUMN = Table(
    *("2:30 in Berlin, autumn", "30 2 * * *", "Europe/Berlin", "2026-"),
    before="10-23 00:30:03, 10-24 00:30:03",
    lines="""
    situation                               | now            | missed      | late since  | what happened
    early: by the grace                     | 10-25 00:46    |             |             | before, 10-25 00:15
    early: by a second more                 | 10-25 00:46    | 10-25 00:30 | 10-25 00:30 | before, 10-25 00:14:59
    early: by the old time, on the 26th     | 10-26 01:46    | 10-26 01:30 | 10-26 01:30 \
        | before, 10-25 00:30:03, 10-26 00:30:03
    late, there: at the second 2:30         | 10-25 01:31    |             |             | before, 10-25 01:30:03
    late, not there: in time                | 10-25 00:45    |             |             | before
    late, not there                         | 10-25 00:45:01 | 10-25 00:30 | 10-25 00:30 | before
    late, not there: nor at the second 2:30 | 10-25 01:46    | 10-25 00:30 | 10-25 00:30 | before
    late, not there: a day after, in time   | 10-26 01:45    |             |             | before, 10-25 00:30:03
    late, not there: a day after            | 10-26 01:45:01 | 10-26 01:30 | 10-26 01:30 | before, 10-25 00:30:03
    doubled: at both                        | 10-25 12:00    |             | \
        | before, 10-25 00:30:03, 01:30:03
    doubled: at both, the next is missing   | 10-26 01:46    | 10-26 01:30 | 10-26 01:30 \
        | before, 10-25 00:30:03, 01:30:03
    doubled: the next is missing            | 10-25 00:46    | 10-25 00:30 | 10-25 00:30 | before, 10-24 00:30:33
    missing: the last before                | 10-25 00:30    | 10-24 00:30 | 10-24 00:30 | 10-23 00:30:03
    missing: both                           | 10-25 00:46    | 10-25 00:30 | 10-24 00:30 | 10-23 00:30:03
    missing: but the next came              | 10-26 01:31    | 10-25 00:30 |             | before, 10-26 01:30:03
    by hand                                 | 10-25 00:46    | 10-25 00:30 | 10-25 00:30 \
        | before, by hand 10-25 00:30:10
    by hand: at the second 2:30             | 10-25 01:46    | 10-25 00:30 | 10-25 00:30 \
        | before, by hand 10-25 01:30:10
    cleanup                                 | 10-25 12:00    |             | \
        | before, 10-25 00:30:03, cleanup 10-24 12:00
    cleanup: not yet there                  | 10-25 00:46    | 10-25 00:30 | 10-25 00:30 | before, cleanup 10-24 00:46
    resumed                                 | 10-25 12:00    |             | \
        | before, pause 10-24 20:00, resume 10-25 00:40
    resumed: no call since                  | 10-26 01:46    | 10-26 01:30 | 10-26 01:30 \
        | before, pause 10-24 20:00, resume 10-25 00:40
    resumed: in time                        | 10-25 00:46    | 10-25 00:30 | 10-25 00:30 \
        | before, pause 10-24 20:00, resume 10-25 00:20
    first start                             | 10-25 00:45    |             |             | 10-24 20:00
    first start: once alone                 | 10-25 00:45:01 | 10-25 00:30 | 10-25 00:30 | 10-24 20:00
    first start: at the second 2:30         | 10-25 12:00    |             |             | 10-25 01:30:03
    """,
)
# 0:00, 6:00, 12:00 and 18:00 are 23:00, 5:00, 11:00 and 17:00 UTC in winter, and an hour earlier in summer.
EVERY_6_HOURS_IN_BERLIN_IN_SPRING = Table(
    *("every 6 hours in Berlin, spring", "0 */6 * * *", "Europe/Berlin", "2026-"),
    before="03-28 11:00:02, 17:00:02, 23:00:02",
    lines="""
    situation                          | now            | missed      | late since  | what happened
    early: by the grace                | 03-29 04:16    |             |             | before, 03-29 03:45
    early: by a second more            | 03-29 04:16    | 03-29 04:00 | 03-29 04:00 | before, 03-29 03:44:59
    late, there: by the old time       | 03-29 05:01    |             |             | before, 03-29 05:00:02
    late, not there: in time           | 03-29 04:15    |             |             | before
    late, not there                    | 03-29 04:15:01 | 03-29 04:00 | 03-29 04:00 | before
    doubled: by both times             | 03-29 09:00    |             |             | before, 03-29 04:00:02, 05:00:02
    doubled: the one before is missing | 03-29 09:00    | 03-28 23:00 | \
        | 03-28 11:00, 17:00, 03-29 04:00:02, 04:00:32
    missing: but the next came         | 03-29 12:00    | 03-29 04:00 |             | before, 03-29 10:00:02
    missing: three                     | 03-29 04:16    | 03-28 17:00, 23:00, 03-29 04:00 | 03-28 17:00 | 03-28 11:00:02
    by hand                            | 03-29 04:16    | 03-29 04:00 | 03-29 04:00 | before, by hand 03-29 04:00:10
    cleanup                            | 03-29 09:00    |             | \
        | before, 03-29 04:00:02, cleanup 03-28 09:00
    cleanup: not yet there             | 03-29 04:16    | 03-28 05:00, 11:00, 17:00, 23:00, 03-29 04:00 | 03-28 05:00 \
        | 03-27 23:00, cleanup 03-28 04:16
    resumed                            | 03-29 09:00    |             | \
        | before, pause 03-29 00:00, resume 04:10
    resumed: no call since             | 03-29 10:16    | 03-29 10:00 | 03-29 10:00 \
        | before, pause 03-29 00:00, resume 04:10
    resumed: in time                   | 03-29 04:16    | 03-29 04:00 | 03-29 04:00 \
        | before, pause 03-29 00:00, resume 03:50
    first start                        | 03-29 04:15    |             |             | 03-29 00:30
    first start: once alone            | 03-29 04:15:01 | 03-29 04:00 | 03-29 04:00 | 03-29 00:30
    """,
)
EVERY_6_HOURS_IN_BERLIN_IN_AUTUMN = Table(
    *("every 6 hours in Berlin, autumn", "0 */6 * * *", "Europe/Berlin", "2026-"),
    before="10-24 10:00:02, 16:00:02, 22:00:02",
    lines="""
    situation                          | now            | missed      | late since  | what happened
    early: by the grace                | 10-25 05:16    |             |             | before, 10-25 04:45
    early: by a second more            | 10-25 05:16    | 10-25 05:00 | 10-25 05:00 | before, 10-25 04:44:59
    early: by the old time             | 10-25 05:16    | 10-25 05:00 | 10-25 05:00 | before, 10-25 04:00:02
    late, there                        | 10-25 07:01    |             |             | before, 10-25 07:00
    late, not there: by the old time   | 10-25 04:30    |             |             | before
    late, not there: in time           | 10-25 05:15    |             |             | before
    late, not there                    | 10-25 05:15:01 | 10-25 05:00 | 10-25 05:00 | before
    doubled: by both times             | 10-25 10:00    |             |             | before, 10-25 04:00:02, 05:00:02
    doubled: the one before is missing | 10-25 10:00    | 10-24 22:00 | \
        | 10-24 10:00, 16:00, 10-25 05:00:02, 05:00:32
    missing: but the next came         | 10-25 12:00    | 10-25 05:00 |             | before, 10-25 11:00:02
    missing: three                     | 10-25 05:16    | 10-24 16:00, 22:00, 10-25 05:00 | 10-24 16:00 | 10-24 10:00:02
    by hand                            | 10-25 05:16    | 10-25 05:00 | 10-25 05:00 | before, by hand 10-25 05:00:10
    cleanup                            | 10-25 10:00    |             | \
        | before, 10-25 05:00:02, cleanup 10-24 10:00
    cleanup: not yet there             | 10-25 05:16    | 10-24 10:00, 16:00, 22:00, 10-25 05:00 | 10-24 04:00 \
        | 10-23 22:00, cleanup 10-24 05:16
    resumed                            | 10-25 10:00    |             | \
        | before, pause 10-25 00:00, resume 05:10
    resumed: no call since             | 10-25 11:16    | 10-25 11:00 | 10-25 11:00 \
        | before, pause 10-25 00:00, resume 05:10
    resumed: in time                   | 10-25 05:16    | 10-25 05:00 | 10-25 05:00 \
        | before, pause 10-25 00:00, resume 04:50
    first start                        | 10-25 05:15    |             |             | 10-25 00:30
    first start: once alone            | 10-25 05:15:01 | 10-25 05:00 | 10-25 05:00 | 10-25 00:30
    """,
)
