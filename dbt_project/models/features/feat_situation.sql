{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_target_days_to_build() }}",
) }}

{% set situations = ['event', 'frequent', 'month_day'] %}
{% set years = [1, 2, 3] %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

days as (

    select * from {{ ref('day_ratios') }}

),

day_situations as (

    select * from {{ ref('day_situations') }}

),

spans as (

    select
        min(cutoff_on) + 1 as first_day,
        max(cutoff_on + horizon_days) as last_day
    from origins
    having count(*) > 0

),

target_days as (

    {{ days_between('spans', [], 'first_day', 'last_day', 'target_on') }}

),

members as (

    select distinct
        level,
        place_kind,
        product_id,
        place
    from days

),

targets as (

    select
        members.level,
        members.product_id,
        members.place,
        target_days.target_on,
        day_situations.event_offset,
        {{ feature_situations('day_situations', 'target_days.target_on') }}
    from members
    cross join target_days
    left join day_situations
        on
            members.place_kind = day_situations.place_kind
            and members.place = day_situations.place
            and target_days.target_on = day_situations.day_on
            and day_situations.is_ahead

),

past as (

    select
        days.level,
        days.product_id,
        days.place,
        days.units,
        days.usual_units,
        days.is_near_event,
        days.day_on,
        {{ feature_situations('days', 'days.day_on') }}
    from days
    inner join spans
        on
            spans.last_day
            >= days.day_on + {{ feature_ratio_known_days() + feature_horizon_days() }}
    where days.usual_units is not null

),

{% for year in years -%}
year_{{ year }} as (

    select
        days.level,
        days.product_id,
        days.place,
        days.units,
        days.week_units,
        days.day_on + {{ 364 * year }} as target_on
    from days
    inner join spans
        on days.day_on + {{ 364 * year }} between spans.first_day and spans.last_day

),

{% endfor -%}

{% for situation in situations -%}
{{ situation }}_past as (

    -- up to a day, from the target day on whose earliest cutoff knows that day's ratio
    select
        level,
        product_id,
        place,
        {{ situation }},
        day_on + {{ feature_ratio_known_days() + feature_horizon_days() }} as from_target_on,
        sum(units) over earlier as units,
        sum(usual_units) over earlier as usual_units
    from past
    where {{ situation }} is not null{{ ' and not is_near_event' if situation != 'event' }}
    window
        earlier as (
            partition by level, product_id, place, {{ situation }}
            order by day_on
            rows between unbounded preceding and current row
        )

),

{% endfor -%}

feat_situation as (

    select
        ---------- ids
        targets.level,
        targets.product_id,
        targets.place,

        ---------- numerics
        targets.event_offset,
        {%- for situation in situations %}
        cast({{ feature_ratio(
            situation ~ '_past.units', situation ~ '_past.usual_units'
        ) }} as float) as {{ situation }}_ratio,
        {%- endfor %}
        {%- for year in years %}
        year_{{ year }}.units as day_units_{{ year }},
        year_{{ year }}.week_units as week_units_{{ year }},
        {%- endfor %}

        ---------- dates
        targets.target_on
    from targets
    {% for situation in situations -%}
    asof left join {{ situation }}_past
        on
            targets.level = {{ situation }}_past.level
            and targets.product_id = {{ situation }}_past.product_id
            and targets.place = {{ situation }}_past.place
            and targets.{{ situation }} = {{ situation }}_past.{{ situation }}
            and targets.target_on >= {{ situation }}_past.from_target_on
    {% endfor -%}
    {% for year in years -%}
    left join year_{{ year }}
        on
            targets.level = year_{{ year }}.level
            and targets.product_id = year_{{ year }}.product_id
            and targets.place = year_{{ year }}.place
            and targets.target_on = year_{{ year }}.target_on
    {% endfor %}

)

select * from feat_situation
