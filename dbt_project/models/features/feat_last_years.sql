{{ by_origin() }}

{% set years = [1, 2, 3] %}

with origins as (

    select * from {{ ref('origins_to_build') }}

),

days as (

    select * from {{ ref('day_ratios') }}

),

feat_last_years as (

    select
        ---------- ids
        days.level,
        days.product_id,
        days.place,

        ---------- numerics
        {%- for year in years %}
        max(case when days.day_on = origins.cutoff_on - {{ 364 * year }} then days.month_units end)
            as month_units_{{ year }},
        {%- endfor %}

        ---------- dates
        origins.cutoff_on
    from origins
    inner join days
        on
            days.day_on in (
                {%- for year in years %}
                origins.cutoff_on - {{ 364 * year }}{{ ',' if not loop.last }}
                {%- endfor %}
            )
    group by days.level, days.product_id, days.place, origins.cutoff_on

)

select * from feat_last_years
