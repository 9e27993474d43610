{#- Runs of open days without a sale that a regular seller's own past makes improbable, as they were known
    on `known_on`. A product that sold on a share p of the `window_days` open days up to its last sale has
    k days without one with probability (1 - p)^k, were its days independent of each other; a run is
    told from the day this falls under `most_probable` on. One longer than the window is no longer taken for
    a lack of stock: the product has left the range, or its season is over. A table macro of DuckDB's, so
    that a model of today and a training of any past day read the same definition. -#}
{% macro create_improbable_zero_runs_as_known() -%}
    {%- set window_days = 56 -%}
    {%- set least_days = 28 -%}
    {%- set most_probable = '1e-6' -%}
create or replace macro improbable_zero_runs_as_known(day) as table
with opened as (

    select
        store_id,
        day_on,
        known_on,
        row_number() over (partition by store_id order by day_on) as number,
        count(*) over (partition by store_id) as last_number
    from open_days
    where known_on <= day and known_until > day

),

sold as (

    select
        product_id,
        store_id,
        sold_on
    from daily_sales_changes
    where known_on <= day
    group by product_id, store_id, sold_on
    having sum(units_sold) > 0

),

sales as (

    select
        sold.product_id,
        sold.store_id,
        opened.number,
        opened.last_number,
        lead(opened.number) over later as next_number,
        min(opened.number) over series as first_number,
        count(*) over recent as sold_days
    from sold
    inner join opened on sold.store_id = opened.store_id and sold.sold_on = opened.day_on
    window
        series as (partition by sold.product_id, sold.store_id),
        later as (partition by sold.product_id, sold.store_id order by opened.number),
        recent as (
            partition by sold.product_id, sold.store_id order by opened.number
            range between {{ window_days - 1 }} preceding and current row
        )

),

runs as (

    -- half a day more of each kind: a product that sold on all days may miss one, too
    select
        *,
        coalesce(next_number, last_number + 1) - number - 1 as days,
        least({{ window_days }}, number - first_number + 1) as days_before,
        (sold_days + 0.5) / (least({{ window_days }}, number - first_number + 1) + 1) as sold_share
    from sales

),

improbable as (

    select
        *,
        cast(ceil(ln({{ most_probable }}) / ln(1 - sold_share)) as bigint) as days_needed
    from runs
    where days > 0 and days <= {{ window_days }} and days_before >= {{ least_days }}

),

store_days as (

    -- in their order: three joins on a day's number could be turned into one of all days of a store
    select
        store_id,
        list(day_on order by number) as days_on,
        list(known_on order by number) as known_on
    from opened
    group by store_id

)

select
    improbable.product_id,
    improbable.store_id,
    improbable.days,
    improbable.sold_share,
    pow(1 - improbable.sold_share, improbable.days) as probability,
    improbable.next_number is null as is_ongoing,
    store_days.days_on[improbable.number + 1] as starts_on,
    store_days.days_on[improbable.number + improbable.days] as ends_on,
    store_days.known_on[improbable.number + improbable.days_needed] as known_on
from improbable
inner join store_days on improbable.store_id = store_days.store_id
where improbable.days >= improbable.days_needed
{%- endmacro %}
