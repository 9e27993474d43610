{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_touched_days('sold_on') }}",
) }}

with touched_days as (

    select * from {{ ref('touched_days') }}

),

decided as (

    select lines.*
    from {{ ref('sales_events_decided') }} as lines
    {%- if is_incremental() %}
    where lines.sold_on in (select touched_days.day_on from touched_days)
    {%- endif %}

),

deployed as (

    select * from {{ ref('declared_sources') }}

),

known_lines as (

    select
        decided.source,
        decided.store_id,
        decided.sold_on,
        decided.known_on,
        decided.superseded_on,
        count(*) as lines
    from decided
    inner join deployed on decided.source = deployed.source
    where decided.disposition in ('accepted', 'superseded')
    group by 1, 2, 3, 4, 5

),

changes as (

    -- a line counts from the day it was known until the day it was superseded
    select
        source,
        store_id,
        sold_on,
        known_on as changed_on,
        lines as difference
    from known_lines
    union all
    select
        source,
        store_id,
        sold_on,
        superseded_on as changed_on,
        -lines as difference
    from known_lines
    where superseded_on is not null

),

accepted as (

    select
        source,
        store_id,
        sold_on,
        sum(difference) as lines
    from changes
    group by 1, 2, 3

),

spans as (

    {{ known_spans('changes', ['source', 'store_id', 'sold_on']) }}

),

store_days as (

    select
        ---------- ids
        spans.source,
        spans.store_id,

        ---------- numerics
        cast(
            case when spans.known_until = date '9999-12-31' then accepted.lines else 0 end
            as bigint
        ) as lines,

        ---------- dates
        spans.sold_on,
        spans.known_on,
        spans.known_until
    from spans
    inner join accepted
        on
            spans.source = accepted.source
            and spans.store_id = accepted.store_id
            and spans.sold_on = accepted.sold_on

)

select * from store_days
