"""What a person with a calendar says of calls: which are missed, and since when the job is late. All times are UTC."""

from tests.unit.expected_calls.table import Table

# 23 November 2026 is a Monday.
EVERY_6_HOURS = Table(
    *("every 6 hours", "0 */6 * * *", "UTC", "2026-"),
    before="11-22 12:00:04, 18:00:03, 11-23 00:00:02",
    lines="""
    situation                             | now            | missed      | late since  | what happened
    early: by the grace                   | 11-23 06:16    |             |             | before, 11-23 05:45
    early: by a second more               | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, 11-23 05:44:59
    early: for what is to come            | 11-23 11:55    | 11-23 06:00 |             | before, 11-23 11:45
    late, there                           | 11-23 08:01    |             |             | before, 11-23 08:00
    early: by the grace, a day ago        | 11-23 06:00    |             | \
        | 11-22 00:00, 05:45, 12:00, 18:00, 11-23 00:00
    late, there: almost too late          | 11-23 11:55    |             |             | before, 11-23 11:44:59
    late, not there: in time              | 11-23 06:15    |             |             | before
    late, not there                       | 11-23 06:15:01 | 11-23 06:00 | 11-23 06:00 | before
    late, not there: for hours            | 11-23 11:59    | 11-23 06:00 | 11-23 06:00 | before
    doubled                               | 11-23 11:00    |             | \
        | before, 11-23 06:00:01, 06:00:09
    doubled: one before is missing        | 11-23 11:00    | 11-23 00:00 | \
        | 11-22 12:00, 18:00, 11-23 06:00:01, 06:00:09
    doubled: one after is missing         | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, 11-23 00:00:05
    missing: another came                 | 11-23 12:01    | 11-23 06:00 |             | before, 11-23 12:00:01
    missing: all for days                 | 11-23 06:10    | 11-22 12:00, 18:00, 11-23 00:00 | 11-21 00:00 | 11-20 17:50
    missing: a day ago                    | 11-23 06:00    | 11-22 06:00 | \
        | 11-22 00:00, 12:00, 18:00, 11-23 00:00
    missing: more than a day ago          | 11-23 06:00:01 |             | \
        | 11-22 00:00, 12:00, 18:00, 11-23 00:00
    by hand                               | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, by hand 11-23 06:00:10
    by hand: the others come              | 11-23 11:00    | 11-23 00:00 | \
        | 11-22 18:00, by hand 11-23 00:00:10, 06:00
    by hand: for days                     | 11-22 18:16    | 11-22 00:00, 12:00, 18:00 | 11-22 12:00 \
        | 11-21 18:00, by hand 11-22 00:00, 06:00, by hand 12:00, by hand 18:00
    by hand: before the first start       | 11-23 05:30    |             | \
        | by hand 11-22 06:00, 11-23 05:00
    by hand: only                         | 11-22 12:16    |             |             | by hand 11-22 06:00, 12:00
    cleanup                               | 11-23 06:15    |             |             | before, cleanup 11-23 00:01
    cleanup: not yet there                | 11-23 06:15:01 | 11-23 06:00 | 11-23 06:00 | before, cleanup 11-23 00:01
    cleanup: all came                     | 11-23 11:00    |             | \
        | 11-21 18:00, 11-22 00:00, before, 11-23 06:00, cleanup 11-22 11:00
    cleanup: one was by hand              | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 \
        | before, by hand 11-23 05:00, cleanup 11-23 05:30
    cleanup: none for days                | 11-23 00:10    | 11-22 06:00, 12:00, 18:00 | 11-10 12:00 \
        | 11-10 00:00, 06:00, cleanup 11-19 00:00
    resumed                               | 11-23 12:15    |             | \
        | 11-22 12:00, pause 11-22 13:00, resume 11-23 09:00
    resumed: no call since                | 11-23 12:16    | 11-23 12:00 | 11-23 12:00 \
        | 11-22 12:00, pause 11-22 13:00, resume 11-23 09:00
    resumed: on the hour                  | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 \
        | before, pause 11-23 01:00, resume 06:00
    resumed: just after                   | 11-23 06:16    |             | \
        | before, pause 11-23 01:00, resume 06:00:01
    resumed: skipped early                | 11-23 06:16    |             | \
        | before, pause 11-23 01:00, skipped 05:50, resume 05:55
    resumed: only by hand                 | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 \
        | before, pause 11-23 01:00, resume 02:00, by hand 06:00
    resumed: not yet                      | 11-23 12:16    |             |             | before, pause 11-23 01:00
    first start: none came yet            | 11-23 12:00    |             |             |
    first start                           | 11-23 06:15    |             |             | 11-23 05:00
    first start: once alone               | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | 11-23 05:00
    skipped and failed                    | 11-23 06:16    |             | \
        | 11-22 18:00, skipped 11-23 00:00, failed 06:00
    the clock of another is ahead         | 11-23 06:16    |             |             | before, 11-23 06:16:59
    the clock of another is ahead, early  | 11-23 11:44:30 | 11-23 06:00 |             | before, 11-23 11:45
    the clock of another is further ahead | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, 11-23 06:17:01
    """,
)
BURST = Table(
    *("a burst of five", "0-20/5 6 * * *", "UTC", "2026-"),
    before="11-22 06:00:20, 06:05:20, 06:10:20, 06:15:20, 06:20:20",
    lines="""
    situation                          | now            | missed      | late since  | what happened
    early                              | 11-23 12:00    |             | \
        | before, 11-23 05:59, 06:04, 06:09, 06:14, 06:19
    early: by the grace, and alone     | 11-23 06:21    | 11-23 06:05 | 11-23 06:05 | before, 11-23 05:45
    early: by a second more            | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, 11-23 05:44:59
    late, there                        | 11-23 12:00    |             | \
        | before, 11-23 06:02, 06:07, 06:12, 06:17, 06:22
    late, there: by half of it         | 11-23 12:00    |             | \
        | before, 11-23 06:02:30, 06:07:30, 06:12:30, 06:17:30, 06:22:30
    late, there: by more               | 11-23 12:00    | 11-23 06:00 | \
        | before, 11-23 06:03, 06:08, 06:13, 06:18, 06:23
    late, there: all but the first     | 11-23 12:00    | 11-23 06:05, 06:10, 06:15 | \
        | before, 11-23 06:00:20, 06:30, 06:31, 06:32, 06:33
    late, not there: in time           | 11-23 06:15    |             |             | before
    late, not there                    | 11-23 06:15:01 | 11-23 06:00 | 11-23 06:00 | before
    late, not there: two of them       | 11-23 06:21    | 11-23 06:00, 06:05 | 11-23 06:00 | before
    doubled                            | 11-23 12:00    |             | \
        | before, 11-23 06:00:20, 06:00:40, 06:05:20, 06:10:20, 06:15:20, 06:20:20
    doubled: the next one is missing   | 11-23 12:00    | 11-23 06:05 | \
        | before, 11-23 06:00:20, 06:00:40, 06:10:20, 06:15:20, 06:20:20
    missing                            | 11-23 12:00    | 11-23 06:10 | \
        | before, 11-23 06:00:20, 06:05:20, 06:15:20, 06:20:20
    missing: the last two              | 11-23 12:00    | 11-23 06:15, 06:20 | 11-23 06:15 \
        | before, 11-23 06:00:20, 06:05:20, 06:10:20
    missing: one call for all          | 11-23 06:21    | 11-23 06:00, 06:05 |             | before, 11-23 06:20
    missing: all                       | 11-23 12:00    | 11-23 06:00, 06:05, 06:10, 06:15, 06:20 | 11-23 06:00 | before
    by hand                            | 11-23 12:00    | 11-23 06:10 | \
        | before, 11-23 06:00:20, 06:05:20, by hand 06:10:20, 06:15:20, 06:20:20
    by hand: the last                  | 11-23 12:00    | 11-23 06:20 | 11-23 06:20 \
        | before, 11-23 06:00:20, 06:05:20, 06:10:20, 06:15:20, by hand 06:20:20
    cleanup                            | 11-23 06:36    |             | \
        | before, 11-23 06:00:20, 06:05:20, 06:10:20, 06:15:20, 06:20:20, cleanup 11-22 06:30
    cleanup: not yet there             | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, cleanup 11-22 06:16
    cleanup: the first of five stays   | 11-23 06:26    | 11-23 06:05, 06:10 | 11-23 06:05 \
        | before, 11-23 06:00:20, cleanup 11-23 06:01
    resumed                            | 11-23 12:00    |             | \
        | before, pause 11-23 05:00, resume 06:07, 06:10:20, 06:15:20, 06:20:20
    resumed: no call since             | 11-23 06:26    | 11-23 06:10 | 11-23 06:10 \
        | before, pause 11-23 05:00, resume 06:07
    resumed: on the minute             | 11-23 06:21    | 11-23 06:05 | 11-23 06:05 \
        | before, pause 11-23 05:00, skipped 06:02, resume 06:05
    resumed: not yet                   | 11-23 12:00    |             |             | before, pause 11-23 05:00
    first start                        | 11-23 12:00    |             |             | 11-23 06:10:20, 06:15:20, 06:20:20
    first start: the second is missing | 11-23 12:00    | 11-23 06:05 | \
        | 11-23 06:00:20, 06:10:20, 06:15:20, 06:20:20
    first start: once alone            | 11-23 06:26    | 11-23 06:10 | 11-23 06:10 | 11-23 06:07
    """,
)
# 16, 19, 23 and 26 November.
TWICE_A_WEEK = Table(
    *("Mondays and Thursdays", "0 6 * * 1,4", "UTC", "2026-"),
    before="11-16 06:00:05, 11-19 06:00:05",
    lines="""
    situation                     | now            | missed      | late since  | what happened
    early: by the grace           | 11-25 12:00    |             |             | before, 11-23 05:45
    early: by a second more       | 11-25 12:00    | 11-23 06:00 | 11-23 06:00 | before, 11-23 05:44:59
    early: on Sunday              | 11-25 12:00    | 11-23 06:00 | 11-23 06:00 | before, 11-22 06:00
    late, there                   | 11-25 12:00    |             |             | before, 11-25 11:00
    late, there: almost Thursday  | 11-26 06:10    | 11-23 06:00 |             | before, 11-26 05:45
    late, not there: in time      | 11-23 06:15    |             |             | before
    late, not there               | 11-23 06:15:01 | 11-23 06:00 | 11-23 06:00 | before
    late, not there: for days     | 11-26 06:15    | 11-23 06:00 | 11-23 06:00 | before
    late, not there: nor Thursday | 11-26 06:15:01 | 11-26 06:00 | 11-23 06:00 | before
    doubled                       | 11-25 12:00    |             |             | before, 11-23 06:00:05, 06:00:30
    doubled: Monday is missing    | 11-25 12:00    | 11-23 06:00 | 11-23 06:00 | before, 11-19 07:00
    missing: both                 | 11-25 12:00    | 11-23 06:00 | 11-19 06:00 | 11-16 06:00:05
    missing: but Thursday came    | 11-26 06:01    | 11-23 06:00 |             | before, 11-26 06:00:05
    by hand                       | 11-25 12:00    | 11-23 06:00 | 11-23 06:00 | before, by hand 11-23 06:00:10
    by hand: on Tuesday           | 11-25 12:00    | 11-23 06:00 | 11-23 06:00 | before, by hand 11-24 09:00
    cleanup                       | 11-25 12:00    |             | \
        | before, 11-23 06:00:05, cleanup 11-24 12:00
    cleanup: not yet there        | 11-23 06:16    | 11-23 06:00 | 11-23 06:00 | before, cleanup 11-22 06:16
    resumed                       | 11-25 12:00    |             | \
        | before, pause 11-20 09:00, resume 11-24 09:00
    resumed: no call since        | 11-26 06:16    | 11-26 06:00 | 11-26 06:00 \
        | before, pause 11-20 09:00, resume 11-24 09:00
    resumed: not yet              | 11-25 12:00    |             |             | before, pause 11-20 09:00
    first start                   | 11-26 06:15    |             |             | 11-24 09:00
    first start: once alone       | 11-26 06:15:01 | 11-26 06:00 | 11-26 06:00 | 11-24 09:00
    """,
)
# Thursday and Friday are 19 and 20 November, and Monday is the 23rd.
WEEKDAYS = Table(
    *("weekdays", "30 7 * * 1-5", "UTC", "2026-"),
    before="11-19 07:30:03, 11-20 07:30:03",
    lines="""
    situation                  | now            | missed      | late since  | what happened
    early: by the grace        | 11-23 07:46    |             |             | before, 11-23 07:15
    early: by a second more    | 11-23 07:46    | 11-23 07:30 | 11-23 07:30 | before, 11-23 07:14:59
    early: on Sunday           | 11-23 07:46    | 11-23 07:30 | 11-23 07:30 | before, 11-22 07:30
    late, there                | 11-23 20:01    |             |             | before, 11-23 20:00
    late, there: on Saturday   | 11-22 23:00    |             |             | 11-19 07:30:03, 11-21 09:00
    late, not there: a weekend | 11-22 23:00    |             |             | before
    late, not there: in time   | 11-23 07:45    |             |             | before
    late, not there            | 11-23 07:45:01 | 11-23 07:30 | 11-23 07:30 | before
    doubled                    | 11-23 12:00    |             |             | before, 11-23 07:30:03, 07:30:40
    doubled: Monday is missing | 11-23 07:46    | 11-23 07:30 | 11-23 07:30 | before, 11-20 07:31
    missing: over the weekend  | 11-22 23:00    | 11-20 07:30 | 11-20 07:30 | 11-19 07:30:03
    missing: until Monday      | 11-23 07:45    | 11-20 07:30 | 11-20 07:30 | 11-19 07:30:03
    missing: and Monday        | 11-23 07:46    | 11-23 07:30 | 11-20 07:30 | 11-19 07:30:03
    missing: but Monday came   | 11-23 07:31    | 11-20 07:30 |             | 11-19 07:30:03, 11-23 07:30:03
    by hand                    | 11-23 07:46    | 11-23 07:30 | 11-23 07:30 | before, by hand 11-23 07:30:10
    by hand: on Saturday       | 11-22 23:00    | 11-20 07:30 | 11-20 07:30 | 11-19 07:30:03, by hand 11-21 10:00
    cleanup                    | 11-22 12:00    |             |             | before, cleanup 11-21 12:00
    cleanup: not yet there     | 11-23 07:46    | 11-23 07:30 | 11-23 07:30 | before, cleanup 11-22 07:46
    resumed                    | 11-23 12:00    |             | \
        | before, pause 11-20 18:00, resume 11-23 08:00
    resumed: no call since     | 11-24 07:46    | 11-24 07:30 | 11-24 07:30 \
        | before, pause 11-20 18:00, resume 11-23 08:00
    resumed: not yet           | 11-23 12:00    |             |             | before, pause 11-20 18:00
    first start                | 11-23 07:45    |             |             | 11-21 10:00
    first start: once alone    | 11-23 07:45:01 | 11-23 07:30 | 11-23 07:30 | 11-21 10:00
    """,
)
LAST_DAY = Table(
    *("the last day of a month", "0 22 L * *", "UTC", "20"),
    before="25-12-31 22:00:01, 26-01-31 22:00:01",
    lines="""
    situation                      | now               | missed         | late since     | what happened
    early: by the grace            | 26-02-28 22:16    |                |                | before, 26-02-28 21:45
    early: by a second more        | 26-02-28 22:16    | 26-02-28 22:00 | 26-02-28 22:00 | before, 26-02-28 21:44:59
    early: the 28th of a leap year | 28-02-29 22:16    | 28-02-29 22:00 | 28-02-29 22:00 \
        | 28-01-31 22:00, 28-02-28 22:00
    early: the 30th                | 26-03-31 22:16    | 26-03-31 22:00 | 26-03-31 22:00 \
        | before, 26-02-28 22:00, 26-03-30 22:00
    late, there                    | 26-03-05 12:00    |                |                | before, 26-03-05 11:00
    late, there: on the first      | 26-04-01 00:01    |                | \
        | 26-02-28 22:00, 26-04-01 00:00
    late, not there: in time       | 26-02-28 22:15    |                |                | before
    late, not there                | 26-02-28 22:15:01 | 26-02-28 22:00 | 26-02-28 22:00 | before
    late, not there: a month       | 26-03-31 22:15    | 26-02-28 22:00 | 26-02-28 22:00 | before
    doubled                        | 26-03-05 12:00    |                | \
        | before, 26-02-28 22:00:01, 22:00:31
    doubled: the next is missing   | 26-03-05 12:00    | 26-02-28 22:00 | 26-02-28 22:00 | before, 26-02-01 22:00
    missing: both                  | 26-03-05 12:00    | 26-02-28 22:00 | 26-01-31 22:00 | 25-12-31 22:00:01
    missing: but the next came     | 26-03-31 22:01    | 26-02-28 22:00 |                | before, 26-03-31 22:00
    by hand                        | 26-03-05 12:00    | 26-02-28 22:00 | 26-02-28 22:00 \
        | before, by hand 26-02-28 22:00:10
    cleanup                        | 26-03-05 12:00    |                | \
        | before, 26-02-28 22:00:01, cleanup 26-03-04 12:00
    cleanup: not yet there         | 26-02-28 22:16    | 26-02-28 22:00 | 26-02-28 22:00 \
        | before, cleanup 26-02-27 23:00
    resumed                        | 26-03-05 12:00    |                | \
        | before, pause 26-02-10 09:00, resume 26-03-02 09:00
    resumed: no call since         | 26-03-31 22:16    | 26-03-31 22:00 | 26-03-31 22:00 \
        | before, pause 26-02-10 09:00, resume 26-03-02 09:00
    resumed: not yet               | 26-03-05 12:00    |                |                | before, pause 26-02-10 09:00
    first start                    | 26-02-28 22:15    |                |                | 26-02-10 09:00
    first start: once alone        | 26-02-28 22:15:01 | 26-02-28 22:00 | 26-02-28 22:00 | 26-02-10 09:00
    first start: when it is late   | 26-03-05 12:00    |                |                | 26-02-28 22:10
    """,
)
LEAP_DAY = Table(
    *("29 February", "0 6 29 2 *", "UTC", "20"),
    before="20-02-29 06:00:02, 24-02-29 06:00:02",
    lines="""
    situation                    | now               | missed         | late since     | what happened
    early: by the grace          | 28-03-01 12:00    |                |                | before, 28-02-29 05:45
    early: by a second more      | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 | before, 28-02-29 05:44:59
    early: by a day              | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 | before, 28-02-28 06:00
    late, there                  | 28-04-01 12:00    |                |                | before, 28-04-01 11:00
    late, not there: in years    | 26-11-23 12:00    |                |                | before
    late, not there: in time     | 28-02-29 06:15    |                |                | before
    late, not there              | 28-02-29 06:15:01 | 28-02-29 06:00 | 28-02-29 06:00 | before
    late, not there: for years   | 26-11-23 12:00    | 24-02-29 06:00 | 24-02-29 06:00 | 20-02-29 06:00:02
    doubled                      | 28-03-01 12:00    |                | \
        | before, 28-02-29 06:00:02, 06:00:32
    doubled: the next is missing | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 | before, 24-02-29 06:00:32
    missing: both                | 28-03-01 12:00    | 28-02-29 06:00 | 24-02-29 06:00 | 20-02-29 06:00:02
    by hand                      | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 \
        | before, by hand 28-02-29 06:00:10
    cleanup                      | 26-11-23 12:00    |                |                | before, cleanup 25-10-19 12:00
    cleanup: not yet there       | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 | before, cleanup 27-01-26 12:00
    cleanup: years ago           | 26-11-23 12:00    | 24-02-29 06:00 | 24-02-29 06:00 \
        | 20-02-29 06:00:02, cleanup 25-10-19 12:00
    resumed                      | 28-03-01 12:00    |                | \
        | before, pause 28-02-01 09:00, resume 28-03-01 09:00
    resumed: no call since       | 28-03-01 12:00    | 28-02-29 06:00 | 28-02-29 06:00 \
        | before, pause 27-02-01 09:00, resume 28-02-01 09:00
    resumed: not yet             | 28-03-01 12:00    |                |                | before, pause 28-02-01 09:00
    first start                  | 28-02-29 06:15    |                |                | 25-06-01 09:00
    first start: once alone      | 28-02-29 06:15:01 | 28-02-29 06:00 | 28-02-29 06:00 | 25-06-01 09:00
    """,
)
