{% set kinds = ['event', 'frequent', 'month_day', 'date', 'easter'] %}
{% set keys = ['level', 'product_id', 'place'] %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

days as (

    select * from {{ ref('level_days') }}

),

situations as (

    select * from {{ ref('day_situations') }}

),

spans as (

    select
        min(cutoff_on) - 27 as first_day,
        max(cutoff_on + horizon_days) as last_day
    from origins
    having count(*) > 0

),

target_days as (

    {{ days_between('spans', [], 'first_day', 'last_day', 'target_on') }}

),

members as (

    select
        level,
        place_kind,
        product_id,
        place,
        min(day_on) as first_day
    from days
    group by all

),

targets as (

    select
        members.level,
        members.product_id,
        members.place,
        target_days.target_on,
        coalesce(abs(situations.event_offset) <= {{ var('near', 1) }}, false) as is_near_event,
        situations.event_name || '@' || situations.event_offset as event,
        situations.frequent_events || '|' || (isodow(target_days.target_on) >= 6) as frequent,
        day(target_days.target_on) as month_day,
        strftime(target_days.target_on, '%m-%d') as date,
        target_days.target_on - easter_sunday(year(target_days.target_on)) as easter
    from members
    inner join target_days on members.first_day < target_days.target_on
    left join situations
        on
            members.place_kind = situations.place_kind
            and members.place = situations.place
            and target_days.target_on = situations.day_on
            and situations.is_ahead

),

past as (

    select
        level,
        product_id,
        place,
        units,
        usual_units,
        is_near_event,
        day_on,
        event_name || '@' || event_offset as event,
        frequent_events || '|' || (isodow(day_on) >= 6) as frequent,
        day(day_on) as month_day,
        strftime(day_on, '%m-%d') as date,
        day_on - easter_sunday(year(day_on)) as easter
    from days
    where usual_units is not null

),

{% for kind in kinds -%}
{{ kind }}_past as (

    select
        level,
        product_id,
        place,
        {{ kind }},
        day_on + {{ feature_ratio_known_days() + feature_horizon_days() }} as from_target_on,
        sum(units) over earlier as units,
        sum(usual_units) over earlier as usual_units,
        count(*) over earlier as days
    from past
    where
        {{ kind }} is not null
        {%- if kind in ['frequent', 'month_day'] %}
        and not is_near_event
        {%- endif %}
    window
        earlier as (
            partition by level, product_id, place, {{ kind }}
            order by day_on
            rows between unbounded preceding and current row
        )

),

{% endfor -%}

feat_situation as (

    select
        targets.level,
        targets.product_id,
        targets.place,
        {%- for kind in kinds %}
        cast(({{ kind }}_past.units + {{ var('prior', 0) }}) / nullif({{ kind }}_past.usual_units + {{ var('prior', 0) }}, 0) as float) as {{ kind }}_ratio,
        {{ kind }}_past.days as {{ kind }}_days,
        {%- endfor %}
        case
            when not targets.is_near_event
                then
                    usual.weekday_index
                    * coalesce(month_day_past.units / nullif(month_day_past.usual_units, 0), 1)
        end as calendar_factor,
        cast(year_1.week_units as float) as week_units_1,
        cast(year_2.week_units as float) as week_units_2,
        cast(year_3.week_units as float) as week_units_3,
        targets.target_on
    from targets
    {%- for kind in kinds %}
    asof left join {{ kind }}_past
        on
            targets.level = {{ kind }}_past.level
            and targets.product_id = {{ kind }}_past.product_id
            and targets.place = {{ kind }}_past.place
            and targets.{{ kind }} = {{ kind }}_past.{{ kind }}
            and targets.target_on >= {{ kind }}_past.from_target_on
    {%- endfor %}
    left join days as usual
        on
            targets.level = usual.level
            and targets.product_id = usual.product_id
            and targets.place = usual.place
            and targets.target_on = usual.day_on + {{ feature_settling_days() }}
    {%- for year in [1, 2, 3] %}
    left join days as year_{{ year }}
        on
            targets.level = year_{{ year }}.level
            and targets.product_id = year_{{ year }}.product_id
            and targets.place = year_{{ year }}.place
            and targets.target_on = year_{{ year }}.day_on + {{ 364 * year }}
    {%- endfor %}

)

select * from feat_situation
