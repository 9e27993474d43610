with feat_weekday as (

    select * from {{ ref('feat_weekday') }}

),

weekdays as (

    {%- for level in ['product', 'store'] %}
    select
        '{{ level }}' as level,
        {{ level }}_id as id,
        cutoff_on,
        weekday,
        sum(units_20) as units,
        sum(open_days_20) as open_days
    from feat_weekday
    group by 2, 3, 4
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

weeks as (

    select
        *,
        sum(units) over (partition by level, id, cutoff_on) as week_units,
        sum(open_days) over (partition by level, id, cutoff_on) as week_open_days
    from weekdays

),

feat_week_shape as (

    select
        ---------- ids
        id,

        ---------- text
        level,

        ---------- numerics
        weekday,
        {{ feature_ratio('units', 'open_days') }}
        / nullif({{ feature_ratio('week_units', 'week_open_days') }}, 0) as weekday_ratio,

        ---------- dates
        cutoff_on
    from weeks

)

select * from feat_week_shape
